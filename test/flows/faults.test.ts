import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../functions/domain/errors.ts';
import { cliWorld, photoNames } from '../support/cli.ts';
import { callsFor, endOf, itemOf, respondToFidelity, stepOf } from '../support/fidelity-responder.ts';
import {
  blockedReply,
  dailyQuota,
  declinedReply,
  type Fault,
  googleError,
  type Reply,
  textReply,
} from '../support/gemini-replies.ts';
import type { Call } from '../support/gemini-server.ts';
import { randomFaults, serverError } from '../support/random-faults.ts';
import { expectSettledOnce, recordedCalls } from '../support/store.ts';

type Step = ReturnType<typeof stepOf>;

interface Trouble {
  step: Step;
  answer: { reply: Reply } | { fault: Fault };
  code: ErrorCode;
  /** Billed calls until the item is given up. */
  calls: number;
}

/** What always goes wrong with items that have the key in their name. Three rounds; a call is tried five times. */
const TROUBLES: Record<string, Trouble> = {
  blocked: { step: 'describe', answer: { reply: blockedReply('SAFETY') }, code: 'prompt_blocked', calls: 1 },
  safety: { step: 'describe', answer: { reply: declinedReply('SAFETY') }, code: 'safety', calls: 1 },
  refused: {
    step: 'generate',
    answer: { fault: googleError(400, 'INVALID_ARGUMENT', 'Unsupported aspect ratio.') },
    code: 'invalid_request',
    calls: 3,
  },
  // Each round asks as often as the answer may become better: a withheld picture twice, no picture three times.
  withheld: {
    step: 'generate',
    answer: { reply: declinedReply('IMAGE_SAFETY') },
    code: 'image_safety',
    calls: 3 + 3 * 2,
  },
  nothing: { step: 'generate', answer: { reply: declinedReply('NO_IMAGE') }, code: 'no_image', calls: 3 + 3 * 3 },
  words: { step: 'generate', answer: { reply: textReply('Sure!') }, code: 'answered_in_words', calls: 3 + 3 * 3 },
  cut: { step: 'judge', answer: { reply: declinedReply('MAX_TOKENS') }, code: 'truncated_answer', calls: 3 + 1 + 2 },
  down: { step: 'questions', answer: { fault: serverError }, code: 'server_error', calls: 1 },
};

function troubleOf(name: string): Trouble | undefined {
  return Object.entries(TROUBLES).find(([key]) => name.includes(key))?.[1];
}

function troubleAt(call: Call): Trouble['answer'] | undefined {
  const trouble = troubleOf(itemOf(call));
  return trouble?.step === stepOf(call) ? trouble.answer : undefined;
}

const names = photoNames(200).map((name, index) =>
  index % 6 === 5 ? `${name.slice(0, 3)}-${Object.keys(TROUBLES)[((index - 5) / 6) % 8]}.png` : name,
);

describe('a batch over a service with troubles', () => {
  it('ends every item as it must, with no billed call more than needed', async () => {
    const random = randomFaults('seed 1', 0.12);
    const world = await cliWorld(names, {
      latencyMs: 10,
      faults(call) {
        const trouble = troubleAt(call);
        if (trouble !== undefined) return 'fault' in trouble ? trouble.fault : undefined;
        return random.faultOf(call);
      },
      respond(call) {
        const trouble = troubleAt(call);
        if (trouble !== undefined && 'reply' in trouble) return trouble.reply;
        return random.uselessReply(call) ?? respondToFidelity(call);
      },
    });
    const end = await world.cli(...world.run('--json', '--quiet', '--max-concurrent', '32'));
    expect(end.code, end.stderr).toBe(3);
    const run = JSON.parse(end.stdout);
    const results = JSON.parse(readFileSync(join(run.output_dir, 'results.json'), 'utf8'));

    const found = results.results.map((row: Record<string, unknown>) => [row.name, row.status, row.code, row.score]);
    const expected = names.map((name) => {
      const trouble = troubleOf(name);
      return trouble
        ? [name, 'error', trouble.code, null]
        : [name, endOf(name).status, endOf(name).status === 'failed' ? 'below_threshold' : null, endOf(name).score];
    });
    expect(found.sort()).toEqual(expected.sort());
    const errors = names.filter((name) => troubleOf(name)).length;
    expect(results.summary).toMatchObject({ total: 200, failed: run.counts.failed + errors, skipped: 0 });
    expect(run.counts).toMatchObject({ total: 200, error: errors });

    const least = names.reduce((sum, name) => sum + (troubleOf(name)?.calls ?? callsFor(name)), 0);
    expect(random.useless).toBeGreaterThan(10);
    expect(world.server.counts.calls - world.server.counts.paid).toBeGreaterThan(100);
    expect(world.server.counts.paid).toBe(least + random.useless);
    expect(recordedCalls(world.home)).toBe(world.server.counts.paid);
    expect(run.calls).toBe(world.server.counts.paid);
    expectSettledOnce(world.home);
  });
});

describe('a service that refuses everybody', () => {
  it.each([
    ['401', googleError(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'), /401.*then resume/],
    ['403', googleError(403, 'PERMISSION_DENIED', 'The caller does not have permission.'), /403.*then resume/],
    ['404', googleError(404, 'NOT_FOUND', 'models/x is not found.'), /does not exist/],
    ['a daily quota', dailyQuota(), /daily quota.*resets at \d{4}-\d\d-\d\dT/],
  ])('%s stops the batch with one sentence; resume finishes it', async (_, fault, sentence) => {
    let refuses = true;
    const world = await cliWorld(photoNames(20), {
      faults: (call) => (refuses && stepOf(call) === 'generate' ? fault : undefined),
    });
    const first = await world.cli(...world.run('--json'));
    expect(first.code).toBe(1);
    const stopped = first.stderr.split('\n').filter((line) => line.startsWith('Stopped: '));
    expect(stopped).toHaveLength(1);
    expect(stopped[0]).toMatch(sentence);
    const run = JSON.parse(first.stdout);
    expect(first.stderr).toContain(`proofsheet resume ${run.batch_id}`);
    expect(run).toMatchObject({ state: 'paused', counts: { total: 20, passed: 0, failed: 0, error: 0, skipped: 0 } });
    // The four calls of five items, and of five more where these began before the first refusal was on record.
    expect(world.server.counts.calls).toBeLessThanOrEqual(2 * 5 * 4);

    refuses = false;
    const second = await world.cli('resume', run.batch_id, '--json');
    expect(second.code, second.stderr).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({
      state: 'finished',
      counts: { total: 20, passed: 14, failed: 6 },
    });
    expect(world.server.counts.paid).toBe(photoNames(20).reduce((sum, name) => sum + callsFor(name), 0));
    expect(recordedCalls(world.home)).toBe(world.server.counts.paid);
    expectSettledOnce(world.home);
  });
});
