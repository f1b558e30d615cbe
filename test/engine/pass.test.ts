import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import type { Outcome } from '../../functions/domain/outcome.ts';
import { parkingLane } from '../../functions/engine/lane.ts';
import type { Recipe, RecipeContext } from '../../functions/engine/recipe.ts';
import { answer, instantClock, laneOf, passRunner, scriptedModels } from '../support/engine-fakes.ts';

function recipeOf(run: (context: RecipeContext<unknown>) => Promise<string>, stepCap = 20): Recipe {
  return {
    name: 'test',
    version: 1,
    settings: z.unknown(),
    intake: () => 'bytes',
    columns: () => [],
    stepCap,
    models: () => ['m'],
    callsPerItem: () => ({ least: 1, most: 1 }),
    run: async (context) => done(await run(context)),
  };
}

function done(message: string): Outcome {
  return { state: 'passed', score: null, message, result: null, attempts: [] };
}

const ask = (text: string) => ({ model: 'm', parts: [{ text }] });

const paid = {
  usage: { input: 5, cached: 0, output: 0, outputImage: 0, thoughts: 0 },
  modelVersion: 'm',
  responseId: '',
};
const refusal = (code: 'safety' | 'no_image') => new ProofsheetError(code, `refused: ${code}`, { paid });
const transient = (code: 'overloaded' | 'rate_limited' | 'network') =>
  new ProofsheetError(code, code, { disposition: 'transient' });

describe('a pass', () => {
  const chain = recipeOf(async (context) => {
    const first = await context.text('ask', ask('one'));
    const [second, third] = await Promise.all([context.text('ask', ask('two')), context.text('ask', ask('three'))]);
    return [first, second, third].map(({ value }) => value).join(' ');
  });
  const echo = () =>
    scriptedModels((request) =>
      answer({ text: `<${'text' in (request.parts[0] ?? {}) ? JSON.stringify(request.parts[0]) : ''}>` }),
    );

  it('records every step under its own key with usage and cost', async () => {
    const { models, requests } = echo();
    const runner = passRunner(chain, { lane: laneOf(models, instantClock()) });
    const result = await runner.run();
    expect(result).toMatchObject({ kind: 'done' });
    expect(requests).toHaveLength(3);
    expect(runner.journal.map((step) => step.key).sort()).toEqual(['ask', 'ask:1', 'ask:2']);
    expect(new Set(runner.journal.map((step) => step.seq))).toEqual(new Set([0, 1, 2]));
    expect(runner.journal[0]).toMatchObject({
      costNano: 200_000,
      paid: { modelVersion: 'm-001' },
      tries: 1,
      lane: 'standard',
    });
  });

  it('pays each recorded answer once, wherever it is cut', async () => {
    const straight = echo();
    const whole = await passRunner(chain, { lane: laneOf(straight.models, instantClock()) }).run();
    for (let crashAfter = 0; crashAfter <= 3; crashAfter += 1) {
      const { models, requests } = echo();
      const runner = passRunner(chain, { lane: laneOf(models, instantClock()) });
      const crashed = await runner.run({
        async record(steps) {
          if (runner.journal.length >= crashAfter)
            throw new ProofsheetError('lease_lost', 'crash', { disposition: 'conflict' });
          runner.journal.push(...steps);
        },
      });
      const lost = requests.length - runner.journal.length;
      const result = crashed.kind === 'done' ? crashed : await runner.run();
      expect(result).toMatchObject({ kind: 'done', outcome: whole.kind === 'done' ? whole.outcome : {} });
      expect(requests.length - lost).toBe(3);
    }
  });

  it('replays without any call', async () => {
    const { models, requests } = echo();
    const runner = passRunner(chain, { lane: laneOf(models, instantClock()) });
    const first = await runner.run();
    expect(await runner.run()).toEqual(first);
    expect(requests).toHaveLength(3);
  });

  it('refuses to replay a step that was asked something else', async () => {
    const { models } = echo();
    let text = 'one';
    const recipe = recipeOf(async (context) => (await context.text('ask', ask(text))).value);
    const runner = passRunner(recipe, { lane: laneOf(models, instantClock()) });
    await runner.run();
    text = 'two';
    expect(await runner.run()).toMatchObject({ kind: 'failed', error: { code: 'recipe_changed' } });
  });

  it('gives all parked calls as a value, and goes on when their answers are recorded', async () => {
    const { models, requests } = echo();
    const direct = laneOf(models, instantClock());
    const runner = passRunner(chain, { lane: parkingLane(direct) });
    const first = await runner.run();
    expect(first).toMatchObject({ kind: 'parked', calls: [{ key: 'ask' }] });
    expect(requests).toHaveLength(0);
    let now = 1;
    // The waves answer one round of calls at a time.
    for (let result = first; result.kind === 'parked'; result = await runner.run()) {
      for (const call of result.calls) {
        const reply = await direct.perform(call.request, new AbortController().signal, call);
        if (reply.kind !== 'answered') throw new Error(reply.kind);
        const { text = '', usage, modelVersion, responseId } = reply.answer;
        const at = { startedAt: 0, tookMs: 0, costNano: 0, tries: 1, lane: 'batch' as const };
        runner.journal.push({
          ...call,
          ...at,
          seq: now++,
          outcome: { ok: true, text },
          paid: { usage, modelVersion, responseId },
        });
      }
    }
    expect(await runner.run()).toMatchObject({ kind: 'done' });
    expect(requests).toHaveLength(3);
  });

  it('parks two calls of a Promise.all together, and finishes live ones first', async () => {
    const { models } = scriptedModels(() => answer({ text: '{"criteria": []}' }));
    const recipe = recipeOf(async (context) => {
      const all = await Promise.all([
        context.text('a', ask('a')),
        context.rubric('b', ask('a judging service takes no waves')),
        context.text('c', ask('c')),
      ]);
      return String(all.length);
    });
    const runner = passRunner(recipe, { lane: parkingLane(laneOf(models, instantClock())) });
    const result = await runner.run();
    expect(result.kind === 'parked' && result.calls.map((call) => call.key)).toEqual(['a', 'c']);
    expect(runner.journal.map((step) => step.key)).toEqual(['b']);
  });

  it('lets nothing happen after its end', async () => {
    const { models, requests } = echo();
    let late: (() => void) | undefined;
    const recipe = recipeOf(async (context) => {
      void new Promise<void>((resolve) => {
        late = resolve;
      }).then(() => context.text('late', ask('late')));
      return 'done';
    });
    const runner = passRunner(recipe, { lane: laneOf(models, instantClock()) });
    await runner.run();
    late?.();
    await instantClock().turn();
    expect(requests).toHaveLength(0);
    expect(runner.journal).toHaveLength(0);
  });

  it('starts no call once it is asked to stop, and keeps the one under way', async () => {
    const stop = new AbortController();
    const { models, requests } = scriptedModels(() => {
      stop.abort();
      return answer();
    });
    const runner = passRunner(chain, { lane: laneOf(models, instantClock()), stop: stop.signal });
    expect(await runner.run()).toMatchObject({ kind: 'yielded' });
    expect(requests).toHaveLength(1);
    expect(runner.journal).toHaveLength(1);
  });

  it('stops at the step cap', async () => {
    const { models, requests } = echo();
    const endless = recipeOf(async (context) => {
      for (let n = 0; ; n += 1) await context.text('again', ask(String(n)));
    }, 7);
    const runner = passRunner(endless, { lane: laneOf(models, instantClock()) });
    expect(await runner.run()).toMatchObject({ kind: 'failed', error: { code: 'step_limit' } });
    expect(requests).toHaveLength(7);
  });

  it('ends on a call that finally fails, with what was recorded beside it', async () => {
    const { models } = scriptedModels((request) => {
      if (JSON.stringify(request).includes('three')) throw transient('overloaded');
      return answer();
    });
    let caught = false;
    const recipe = recipeOf(async (context) => {
      await Promise.all([context.text('a', ask('three')), context.text('b', ask('two'))]).catch(() => {
        caught = true;
      });
      return 'went on';
    });
    const runner = passRunner(recipe, { lane: laneOf(models, instantClock()) });
    expect(await runner.run()).toMatchObject({ kind: 'failed', error: { code: 'overloaded' }, step: 'a' });
    expect(caught).toBe(false);
    expect(runner.journal.map((step) => step.key)).toEqual(['b']);
  });
});

describe('answers that are of no use', () => {
  it('are recorded, shown to the recipe as errors and never paid again', async () => {
    const { models, requests } = scriptedModels(() => {
      throw refusal('safety');
    });
    const recipe = recipeOf((context) =>
      context.text('ask', ask('x')).then(
        ({ value }) => value,
        (error) => `caught ${error.code}`,
      ),
    );
    const runner = passRunner(recipe, { lane: laneOf(models, instantClock()) });
    for (let pass = 0; pass < 2; pass += 1) {
      expect(await runner.run()).toMatchObject({ kind: 'done', outcome: { message: 'caught safety' } });
    }
    expect(requests).toHaveLength(1);
    expect(runner.journal[0]).toMatchObject({ outcome: { ok: false, code: 'safety' }, costNano: 5000 });
  });

  it('are asked for again where that may help, each asking a step of its own', async () => {
    const png = { bytes: new Uint8Array([1, 2, 3]), mimeType: 'image/png' };
    const { models, requests } = scriptedModels((_request, n) => {
      if (n < 3) throw refusal('no_image');
      return answer({ image: png });
    });
    const recipe = recipeOf(async (context) => (await context.image('draw', ask('x'))).value.sha256);
    const runner = passRunner(recipe, { lane: laneOf(models, instantClock()) });
    const result = await runner.run();
    expect(result).toMatchObject({ kind: 'done' });
    expect(runner.journal.map((step) => step.key)).toEqual(['draw', 'draw~1', 'draw~2']);
    expect(requests[0]).not.toEqual(requests[1]);
    expect(requests[1]).toEqual(requests[2]);
    expect([...runner.objects.values()]).toEqual([png.bytes]);
    expect(await runner.run()).toEqual(result);
    expect(requests).toHaveLength(3);
  });

  it('with the wrong shape are asked for once more, then malformed_answer', async () => {
    const { models, requests } = scriptedModels(() => answer({ text: '{"n": "not a number"}' }));
    const recipe = recipeOf(async (context) =>
      String((await context.json('count', ask('x'), z.object({ n: z.number() }))).value.n),
    );
    const runner = passRunner(recipe, { lane: laneOf(models, instantClock()) });
    expect(await runner.run()).toMatchObject({ kind: 'failed', error: { code: 'malformed_answer' } });
    expect(requests).toHaveLength(2);
    expect(requests[0]?.jsonSchema).toMatchObject({ type: 'object', required: ['n'] });
    expect(JSON.stringify(requests[1])).not.toContain('not a number');
  });

  it('of a judging service are asked for once more without a word beside', async () => {
    const { models, requests } = scriptedModels((_request, n) =>
      answer({ text: n === 1 ? 'no JSON' : '{"findings": [{"id": "a", "met": true, "reasoning": ""}], "score": 0.5}' }),
    );
    const criteria = [{ id: 'a', text: 'Is it red?' }];
    const recipe = recipeOf(async (context) => {
      const { value } = await context.judge('judge', { ...ask('a red mug'), criteria });
      return `${value.findings[0]?.met} ${value.score}`;
    });
    const runner = passRunner(recipe, { lane: laneOf(models, instantClock()) });
    const result = await runner.run();
    expect(result).toMatchObject({ kind: 'done', outcome: { message: 'true 0.5' } });
    expect(requests).toEqual(Array(2).fill({ kind: 'judge', ...ask('a red mug'), criteria }));
    expect(await runner.run()).toEqual(result);
    expect(requests).toHaveLength(2);
  });

  it('of another frozen rubric are refused in a replay', async () => {
    const { models } = scriptedModels(() => answer({ text: '{"findings": []}' }));
    let text = 'Is it red?';
    const recipe = recipeOf(async (context) => {
      const { value } = await context.judge('judge', { ...ask('a mug'), criteria: [{ id: 'a', text }] });
      return String(value.findings.length);
    });
    const runner = passRunner(recipe, { lane: laneOf(models, instantClock()) });
    await runner.run();
    text = 'Is it blue?';
    expect(await runner.run()).toMatchObject({ kind: 'failed', error: { code: 'recipe_changed' } });
  });

  it('that were cut are asked for once with a larger limit', async () => {
    const { models, requests } = scriptedModels((_request, n) => {
      if (n === 1) throw new ProofsheetError('truncated_answer', 'cut', { paid });
      return answer({ text: 'whole' });
    });
    const recipe = recipeOf(
      async (context) => (await context.text('ask', { ...ask('x'), maxOutputTokens: 5000 })).value,
    );
    expect(await passRunner(recipe, { lane: laneOf(models, instantClock()) }).run()).toMatchObject({
      outcome: { message: 'whole' },
    });
    expect(requests[1]?.maxOutputTokens).toBe(10_000);
  });
});

describe('the direct lane', () => {
  const once = recipeOf(async (context) => (await context.text('ask', ask('x'))).value);

  it('tries transient failures again, rate limits without counting them', async () => {
    const clock = instantClock();
    const script = [
      transient('rate_limited'),
      transient('rate_limited'),
      transient('rate_limited'),
      transient('network'),
      transient('overloaded'),
    ];
    const { models, requests } = scriptedModels(() => {
      const failure = script.shift();
      if (failure) throw failure;
      return answer();
    });
    const runner = passRunner(once, { lane: laneOf(models, clock, 3), clock });
    expect(await runner.run()).toMatchObject({ kind: 'done' });
    expect(requests).toHaveLength(6);
    expect(runner.journal[0]?.tries).toBe(6);
    expect(clock.slept[2]).toBeGreaterThan(clock.slept[0] ?? Number.POSITIVE_INFINITY);
  });

  it('waits as long as the service asks', async () => {
    const clock = instantClock();
    const { models } = scriptedModels((_request, n) => {
      if (n === 1)
        throw new ProofsheetError('rate_limited', 'slow', { disposition: 'transient', retryAfterMs: 31_000 });
      return answer();
    });
    await passRunner(once, { lane: laneOf(models, clock), clock }).run();
    expect(clock.slept[0]).toBeGreaterThanOrEqual(31_000);
  });

  it('gives up at once on what concerns the whole batch', async () => {
    const { models, requests } = scriptedModels(() => {
      throw new ProofsheetError('daily_quota', 'quota', {
        disposition: 'transient',
        scope: 'batch',
        retryAfterMs: 3_600_000,
      });
    });
    const runner = passRunner(once, { lane: laneOf(models, instantClock()) });
    expect(await runner.run()).toMatchObject({ kind: 'failed', error: { code: 'daily_quota', scope: 'batch' } });
    expect(requests).toHaveLength(1);
  });
});
