import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createApp } from '../../functions/app/app.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { type StartRequest, startBatch } from '../../functions/app/start-batch.ts';
import type { Batch, Item } from '../../functions/domain/batch.ts';
import { mostOf } from '../../functions/domain/budget.ts';
import { type ErrorCode, ProofsheetError } from '../../functions/domain/errors.ts';
import type { ModelAnswer, ModelRequest } from '../../functions/domain/model-call.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { prompt } from '../../functions/recipes/prompt.ts';
import { openLocal } from '../platform/local-platform.ts';
import { type AppWorldOptions, appWorld, REQUEST } from '../support/app-world.ts';
import { crashingPlatform, type Death } from '../support/crashing-platform.ts';
import { answer, PRICES } from '../support/engine-fakes.ts';
import { manualClock } from '../support/manual-clock.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { messageList } from '../support/message-list.ts';
import { makeQuickHome } from '../support/temp-home.ts';

const WORLD = { texts: texts(18), recipes: { prompt } };
/** Every third file is one that the model refuses for the sake of one word. */
function texts(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`${n}.txt`, `${n % 3 === 0 ? 'odd' : 'even'} file ${n}`]),
  );
}

const PROMPT = 'Write a dramatic summary';
const SUMMARY = 'Write a plain summary';
const OPTIMIZE = { calls: 60 };
const START = {
  ...{ recipe: 'prompt', recipeSettings: { prompt: PROMPT, textModel: 'm' }, optimize: OPTIMIZE },
  run: { ...REQUEST.run, maxRetries: 1 },
};

function promptOf({ parts }: ModelRequest): string {
  return parts.flatMap((part) => ('text' in part ? part.text : [])).join('\n');
}
const isProposing = ({ kind }: ModelRequest) => kind === 'json';

function refused(code: ErrorCode = 'safety'): ProofsheetError {
  return new ProofsheetError(code, 'The model refused.', { paid: answer() });
}

function proposed(wording: string): ModelAnswer {
  const proposal = { diagnosis: 'The word "dramatic" is taken amiss.', direction: 'simpler', prompt: wording };
  return answer({ text: JSON.stringify(proposal) });
}

type World = Awaited<ReturnType<typeof appWorld>>;

/** What the file of a request says. */
async function fileOf(world: Pick<World, 'files'>, { parts }: ModelRequest): Promise<string> {
  const part = parts.find((one) => 'file' in one);
  return part === undefined ? '' : new TextDecoder().decode(await world.files.open(part.file));
}

interface Script {
  proposals: readonly string[];
  /** Whether this wording is refused for this file, at the n-th time it is asked. */
  refuses(wording: string, file: string, n: number): boolean;
}

/** A world whose model proposes and refuses by script. */
async function scripted(script: Script, over: Partial<AppWorldOptions> = {}) {
  let proposals = 0;
  const asked = new Map<string, number>();
  const world: World = await appWorld({
    ...WORLD,
    async reply(request) {
      if (isProposing(request)) return proposed(script.proposals[proposals++] ?? 'Another one');
      const [wording, file] = [promptOf(request), await fileOf(world, request)];
      const n = (asked.get(`${wording} ${file}`) ?? 0) + 1;
      asked.set(`${wording} ${file}`, n);
      if (script.refuses(wording, file, n)) throw refused();
      return answer({ text: `Summary of ${file}` });
    },
    ...over,
  });
  return world;
}

const refusesTheWord: Script['refuses'] = (wording, file) => wording.includes('dramatic') && file.startsWith('odd');

async function runToEnd(world: World, change: Partial<StartRequest> = {}): Promise<{ batch: Batch; items: Item[] }> {
  const { id } = await world.start({ ...START, ...change });
  await world.deliverAll();
  return await endOf(world.platform, id);
}

async function endOf(platform: Platform, id: string): Promise<{ batch: Batch; items: Item[] }> {
  const batch = await platform.batches.get(id);
  if (batch === undefined) throw new Error('The batch is gone.');
  return { batch, items: await platform.batches.items(id, { limit: 100 }) };
}

const statesOf = (items: readonly Item[]) => {
  const byState = Map.groupBy(items, ({ state }) => state);
  return Object.fromEntries([...byState].map(([state, of]) => [state, of.length]));
};
const decisions = ({ optimization }: Batch) => optimization?.versions.map(({ decision }) => decision);

describe('improving the prompt', () => {
  it('recovers what one word in the prompt spoils, and leaves alone what passed', async () => {
    const before = new Map<string, Item>();
    const world = await scripted(
      { proposals: [SUMMARY], refuses: refusesTheWord },
      {
        through: (platform) => ({
          ...platform,
          batches: {
            ...platform.batches,
            async reopen(...args) {
              for (const item of await platform.batches.items(args[0], { states: ['passed'], limit: 99 }))
                before.set(item.id, item);
              return await platform.batches.reopen(...args);
            },
          },
        }),
      },
    );
    const { batch, items } = await runToEnd(world);
    expect(batch.state).toBe('finished');
    expect(statesOf(items)).toEqual({ passed: 18 });
    expect(batch.optimization).toMatchObject({
      plan: { groups: [{ group: 'refused', items: 6 }] },
      versions: [{ version: 1, group: 'refused', direction: 'simpler', prompt: SUMMARY, decision: 'adopted' }],
      end: { why: 'Every kind of failure was looked at.' },
    });
    const trials = batch.optimization?.versions[0]?.trials ?? [];
    expect(
      trials.map(({ sample, before, after, control }) => [sample, before.state, after.state, control?.state]),
    ).toEqual([
      ...Array(4).fill(['failing', 'error', 'passed', 'error']),
      ...Array(4).fill(['held_out', 'passed', 'passed', undefined]),
    ]);
    expect(before.size).toBe(12);
    for (const item of before.values()) expect(items).toContainEqual(item);
    // Four of the six had their answer from the trial.
    expect(batch.optimization?.calls).toBe(1 + 4 + 4 + 4);
    expect(world.requests).toHaveLength(18 + 13 + 2);
    const counts = await world.platform.batches.counts(batch.id);
    expect(counts).toMatchObject({ total: 18, passed: 18, calls: 18 + 2 });
    const recovered = items.filter((item) => item.prompt !== undefined);
    expect(recovered.map((item) => item.epoch)).toEqual(Array(6).fill(1));
    const results = [...world.files.written].filter(([uri]) => uri.includes('/successful/'));
    expect(results).toHaveLength(18);
    expect([...world.files.written.keys()].filter((uri) => uri.includes('_error.log'))).toEqual([]);
    const evolution = evolutionOf(world, batch);
    expect(evolution).toMatchObject({
      prompt: PROMPT,
      budget: { calls: 60, used: 13 },
      versions: [
        {
          version: 1,
          prompt: SUMMARY,
          decision: 'adopted',
          passed_before: 0,
          passed_after: 4,
          applied_to: 6,
          recovered: 6,
        },
      ],
    });
    expect(evolution.versions[0].tried_on).toHaveLength(8);
  });

  it('rejects a placebo and tells the next proposal why', async () => {
    const world = await scripted({
      proposals: ['A dramatic summary, please', 'Very dramatic'],
      refuses: refusesTheWord,
    });
    const { batch, items } = await runToEnd(world);
    expect(statesOf(items)).toEqual({ passed: 12, error: 6 });
    expect(items.every((item) => item.epoch === 0)).toBe(true);
    expect(decisions(batch)).toEqual(['rejected', 'rejected']);
    expect(batch.optimization?.versions[0]?.why).toMatch(/brought 0 of 4 failing items to pass/);
    const second = world.requests.filter(isProposing)[1];
    expect(second && promptOf(second)).toMatch(/A dramatic summary, please.*brought 0 of 4/);
    expect(batch.optimization?.calls).toBe(2 * (1 + 4));
  });

  it('takes luck for luck: what passes now would pass with the prompt as it was', async () => {
    const refuses: Script['refuses'] = (wording, file, n) =>
      file.startsWith('odd') && wording.includes(PROMPT) && n === 1;
    const world = await scripted({ proposals: [SUMMARY, 'Summarise it'], refuses });
    const { batch, items } = await runToEnd(world);
    expect(decisions(batch)).toEqual(['rejected', 'rejected']);
    expect(batch.optimization?.versions[0]?.why).toMatch(/chance/);
    expect(statesOf(items)).toEqual({ passed: 12, error: 6 });
  });

  it('rejects what mends the failing items and spoils the others', async () => {
    const refuses: Script['refuses'] = (wording, file) => wording.includes(PROMPT) === file.startsWith('odd');
    const world = await scripted({ proposals: [SUMMARY, 'Summarise it'], refuses });
    const { batch } = await runToEnd(world);
    expect(decisions(batch)).toEqual(['rejected', 'rejected']);
    expect(batch.optimization?.versions[0]?.why).toMatch(/4 of 4 items that had passed did not pass/);
  });

  it('stops at its budget', async () => {
    for (const calls of [1, 3, 5, 7, 10]) {
      const world = await scripted({ proposals: [SUMMARY], refuses: refusesTheWord });
      const { batch, items } = await runToEnd(world, { optimize: { calls } });
      expect(batch).toMatchObject({
        state: 'finished',
        optimization: { calls, end: { why: `The budget of ${calls} calls was used up.` } },
      });
      expect(world.requests).toHaveLength(18 + calls);
      expect(decisions(batch)).toEqual(['stopped']);
      expect(statesOf(items)).toEqual({ passed: 12, error: 6 });
    }
  });

  it('stops where the spend ceiling does not cover another call', async () => {
    const free = await scripted({ proposals: [SUMMARY], refuses: refusesTheWord });
    await runToEnd(free);
    const most = Math.max(...free.requests.map((request) => mostOf({ request, lane: 'standard', at: 0 }, PRICES) ?? 0));
    // For the items and about four calls more; every answer here costs 200,000.
    const maxSpendNano = most + (18 + 4) * 200_000;
    const world = await scripted({ proposals: [SUMMARY], refuses: refusesTheWord });
    // Calls wait a moment for money that others hold.
    const passing = setInterval(() => world.clock.advance(100), 1);
    const { batch, items } = await runToEnd(world, { run: { ...START.run, maxSpendNano } }).finally(() =>
      clearInterval(passing),
    );
    expect(batch).toMatchObject({
      state: 'finished',
      optimization: { end: { why: expect.stringMatching(/spend ceiling/) } },
    });
    expect(decisions(batch)).not.toContain('adopted');
    expect(world.requests.length).toBeGreaterThan(18);
    expect(world.requests.length).toBeLessThan(18 + 13);
    const { costNano } = await world.platform.batches.counts(batch.id);
    expect(costNano + (batch.optimization?.costNano ?? 0)).toBeLessThanOrEqual(maxSpendNano);
    expect(statesOf(items)).toEqual({ passed: 12, error: 6 });
  });

  it('has nothing to do where nothing failed, or nothing that a prompt may mend', async () => {
    const world = await scripted({ proposals: [], refuses: () => false });
    const { batch } = await runToEnd(world);
    expect(batch.optimization).toMatchObject({
      calls: 0,
      versions: [],
      end: { why: 'Nothing failed that another prompt may mend.' },
    });
    const start = { recipe: 'questions', recipeSettings: {}, optimize: OPTIMIZE };
    await expect(world.start(start)).rejects.toMatchObject({ code: 'usage' });
  });

  it('does not let duplicates and late messages do anything', async () => {
    const world = await scripted({ proposals: [SUMMARY], refuses: refusesTheWord });
    const { id: batchId } = await world.start(START);
    const twice = [0, 1].map(() => ({ kind: 'optimize' as const, batchId }));
    await world.messages.queue.publish(twice);
    await world.deliverAll();
    await world.messages.queue.publish([...twice, { kind: 'finalize', batchId }]);
    await world.deliverAll();
    expect(world.requests).toHaveLength(18 + 13 + 2);
    expect((await endOf(world.platform, batchId)).batch.state).toBe('finished');
  });

  it('ends when the batch is cancelled meanwhile', async () => {
    const world = await scripted({ proposals: [SUMMARY], refuses: refusesTheWord });
    const { id: batchId } = await world.start(START);
    const { cancelBatch } = await import('../../functions/app/control-batch.ts');
    let isCancelled = false;
    for (let round = 0; world.messages.waiting.length > 0 && round < 500; round += 1) {
      const message = world.messages.take();
      if (message?.kind === 'optimize' && !isCancelled) {
        isCancelled = true;
        await cancelBatch(world.app, batchId);
      }
      if (message !== undefined) await dispatch(world.app, message);
      else world.clock.advance(world.messages.nextInMs() ?? 0);
    }
    expect((await endOf(world.platform, batchId)).batch).toMatchObject({ state: 'cancelled' });
    expect(world.requests).toHaveLength(18);
  });
});

function evolutionOf(world: World, batch: Batch) {
  const bytes = world.files.written.get(`${batch.outputDir}/metadata/prompt_evolution.json`);
  return JSON.parse(new TextDecoder().decode(bytes)).optimization;
}

const LONGER_THAN_A_LEASE_MS = 700_000;

/** The same batch in processes one after the other; the first ones die where `death` says. */
async function throughDeaths(death: (write: string) => Death) {
  const home = await makeQuickHome();
  const clock = manualClock();
  const local = openLocal(join(home.path, 'home'), { clock });
  const files = memoryFiles(
    Object.fromEntries(Object.entries(texts(3)).map(([name, text]) => [`/texts/${name}`, text])),
  );
  const queue = messageList();
  let paid = 0;
  const models = {
    async call(request: ModelRequest) {
      paid += 1;
      if (isProposing(request)) return proposed(SUMMARY);
      if (refusesTheWord(promptOf(request), await fileOf({ files }, request), 1)) throw refused();
      return answer();
    },
    check: () => Promise.resolve([]),
  };
  const begin = () => {
    const process = crashingPlatform({ ...local.platform, files, queue, models }, death);
    const app = createApp(process, { prices: PRICES, stop: new AbortController().signal, recipes: { prompt } });
    return { process, app };
  };
  let { process, app } = begin();
  let restarts = 0;
  const restart = () => {
    restarts += 1;
    ({ process, app } = begin());
  };
  try {
    for (let batch: Batch | undefined; batch === undefined; ) {
      batch = await startBatch(app, { ...REQUEST, ...START, inputs: ['/texts'] }).then(
        (started) => started.batch,
        () => undefined,
      );
      if (process.isDead()) restart();
    }
    for (let given = 0; queue.waiting.length > 0; given += 1) {
      if (given > 300) throw new Error('The batch does not come to an end.');
      const [message] = queue.waiting.splice(0, 1);
      if (message === undefined) break;
      const disposal = await dispatch(app, message).catch(() => undefined);
      if (process.isDead()) restart();
      if (disposal?.kind === 'ack') continue;
      queue.waiting.push(message);
      clock.advance(LONGER_THAN_A_LEASE_MS);
    }
    const [found] = await local.platform.batches.list({ limit: 1 });
    const { batch, items } = await endOf(local.platform, found?.id ?? '');
    return {
      ...{
        paid,
        restarts,
        state: batch.state,
        ends: items.map(({ state, epoch, summary }) => [state, epoch, summary?.calls]),
      },
      optimizer: {
        calls: batch.optimization?.calls,
        decisions: decisions(batch),
        steps: batch.optimization?.steps.length,
      },
      calls: (await local.platform.batches.counts(batch.id)).calls,
    };
  } finally {
    await local.close();
    await home.remove();
  }
}

describe('an optimiser that dies at any write', () => {
  it('comes to the same end and pays for no recorded answer twice', async () => {
    const writes: string[] = [];
    const straight = await throughDeaths((write) => {
      writes.push(write);
      return undefined;
    });
    expect(straight).toMatchObject({
      ...{ state: 'finished', restarts: 0, calls: 3, paid: 3 + 1 + 1 + 2 + 1 },
      optimizer: { calls: 1 + 1 + 2 + 1, decisions: ['adopted'] },
    });
    const first = writes.indexOf('batches.reopen');
    // Of the writes before the optimiser begins, other tests have died at each.
    const begin = writes.lastIndexOf('journal.settle', first);
    expect(first).toBeGreaterThan(begin);
    for (let point = begin; point < writes.length; point += 1) {
      for (const when of ['before', 'after'] as const) {
        let written = 0;
        const end = await throughDeaths(() => (written++ === point ? when : undefined));
        const { paid, restarts, ...rest } = end;
        const { paid: least, restarts: _, ...same } = straight;
        const where = `${when} ${writes[point]} ${point}`;
        expect({ ...rest, where }).toEqual({ ...same, where });
        // At most the calls in hand when it died: as many as a sample has items.
        expect(paid - least, where).toBeLessThanOrEqual(2);
        expect(restarts).toBe(1);
      }
    }
  });
});
