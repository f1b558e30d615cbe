import { beforeEach, describe, expect, it } from 'vitest';
import { cancelBatch, resumeBatch } from '../../functions/app/control-batch.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import type { Batch } from '../../functions/domain/batch.ts';
import { ACK, type Message } from '../../functions/domain/message.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { appWorld } from '../support/app-world.ts';
import { Crash, intercepted } from '../support/crashing-platform.ts';

const LONGER_THAN_A_LEASE_MS = 61_000;

let world: Awaited<ReturnType<typeof appWorld>>;
let batch: Batch;
let finalize: Message;

/** A batch whose items are settled, with its `finalize` message in hand. */
beforeEach(async () => {
  world = await appWorld({ texts: { 'a.txt': 'One.', 'b.txt': 'Two.', 'c.txt': 'Three.' } });
  batch = await world.start();
  for (let message = world.messages.take(); message !== undefined; message = world.messages.take()) {
    if (message.kind !== 'finalize') await dispatch(world.app, message);
  }
  finalize = { kind: 'finalize', batchId: batch.id };
});

/** Takes all messages that wait: nobody else will get them. */
const lost = (): Message[] => world.messages.waiting.splice(0).map(({ message }) => message);

/** What the report consists of, by name below the output folder. */
function reportFiles(): Map<string, string> {
  const below = [...world.files.written].map(
    ([uri, bytes]) => [uri.slice(batch.outputDir.length + 1), Buffer.from(bytes).toString()] as const,
  );
  return new Map(below.filter(([name]) => !/^successful|parameters/.test(name)).sort());
}

function removeReport(): void {
  for (const name of reportFiles().keys()) world.files.written.delete(`${batch.outputDir}/${name}`);
}

/** How often a batch is closed by those who work on the platform this gives. */
function countingCloses(platform: Platform) {
  const seen = { closes: 0 };
  const batches: Platform['batches'] = {
    ...platform.batches,
    async change(batchId, decide) {
      let closes = false;
      const after = await platform.batches.change(batchId, (current) => {
        const update = decide(current);
        closes = update?.report !== undefined;
        return update;
      });
      if (closes) seen.closes += 1;
      return after;
    },
  };
  return { platform: { ...platform, batches }, seen };
}

/** The platform of a process, with its writes told by name before and after they are made. */
function withWrites(around: (write: string, proceed: () => Promise<unknown>) => Promise<unknown>): Platform {
  const { batches, files } = world.platform;
  const wrapped = (name: string, writes: readonly string[]) => (member: string, proceed: () => Promise<unknown>) =>
    writes.includes(member) ? around(`${name}.${member}`, proceed) : proceed();
  return {
    ...world.platform,
    batches: intercepted(batches, wrapped('batches', ['change'])),
    files: { ...intercepted(files, wrapped('files', ['write'])), join: files.join },
  };
}

/** A process that dies before or after its write number `point`; counts the writes it came to. */
function mortal(point: number, when: 'before' | 'after') {
  const seen = { writes: 0 };
  let dead = false;
  const platform = withWrites(async (_, proceed) => {
    if (dead) throw new Crash('dead');
    const dies = seen.writes++ === point;
    dead ||= dies && when === 'before';
    if (dead) throw new Crash('dead');
    const result = await proceed();
    dead ||= dies;
    if (dead) throw new Crash('dead');
    return result;
  });
  return { app: world.newApp(() => platform), seen };
}

describe('finalising', () => {
  it('writes the report and closes the batch over it, once', async () => {
    expect(await dispatch(world.app, finalize)).toEqual(ACK);
    const closed = await world.platform.batches.get(batch.id);
    expect(closed).toMatchObject({ state: 'finished', report: `${batch.outputDir}/report.html` });
    const written = reportFiles();
    const names = ['report.html', 'results.json', 'results.csv', 'results.md', 'results.xml', 'metadata/items.jsonl'];
    expect([...written.keys()]).toEqual(expect.arrayContaining(names));
    removeReport();
    world.clock.advance(LONGER_THAN_A_LEASE_MS);
    expect(await dispatch(world.app, finalize)).toEqual(ACK);
    expect(reportFiles().size).toBe(0);
    expect(await world.platform.batches.get(batch.id)).toEqual(closed);
  });

  it('is taken over wherever it dies, by one who writes the same bytes', async () => {
    const straight = mortal(Number.POSITIVE_INFINITY, 'before');
    await dispatch(straight.app, finalize);
    const names = [...reportFiles().keys()];
    const { seen } = straight;
    expect(seen.writes).toBe(names.length + 2);
    for (let point = 0; point < seen.writes; point += 1) {
      for (const when of ['before', 'after'] as const) {
        const open = { state: 'running', finishedAt: undefined, report: undefined, finalizer: undefined } as const;
        await world.platform.batches.change(batch.id, () => open);
        removeReport();
        await expect(dispatch(mortal(point, when).app, finalize)).rejects.toThrow();
        const left = reportFiles();
        world.clock.advance(LONGER_THAN_A_LEASE_MS);
        expect(await dispatch(world.app, finalize)).toEqual(ACK);
        expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'finished', report: /report.html$/ });
        const written = reportFiles();
        expect([...written.keys()]).toEqual(names);
        for (const [name, text] of left) expect(written.get(name), name).toBe(text);
      }
    }
  });

  it('is done by one while another waits', async () => {
    const { platform, seen } = countingCloses(world.platform);
    const app = world.newApp(() => platform);
    const disposals = await Promise.all([dispatch(app, finalize), dispatch(app, finalize)]);
    expect(disposals).toEqual([ACK, { kind: 'retry', afterMs: 2000 }]);
    expect(seen.closes).toBe(1);
  });

  it('refuses one who was replaced while it stood still: no file, no end', async () => {
    const { platform, seen } = countingCloses(world.platform);
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const standing = world.newApp(() => ({
      ...platform,
      batches: {
        ...platform.batches,
        async details(...args) {
          reached.resolve();
          await gate.promise;
          return await platform.batches.details(...args);
        },
      },
    }));
    const zombie = dispatch(standing, finalize);
    await reached.promise;
    world.clock.advance(LONGER_THAN_A_LEASE_MS);
    expect(
      await dispatch(
        world.newApp(() => platform),
        finalize,
      ),
    ).toEqual(ACK);
    // Opened again and closed anew: what the zombie knows of the batch is no longer true.
    await resumeBatch(
      world.newApp(() => platform),
      batch.id,
      { failed: false, errors: false },
    );
    world.clock.advance(LONGER_THAN_A_LEASE_MS);
    lost();
    expect(
      await dispatch(
        world.newApp(() => platform),
        finalize,
      ),
    ).toEqual(ACK);
    expect(seen.closes).toBe(2);
    const closed = await world.platform.batches.get(batch.id);
    const written = reportFiles();
    gate.resolve();
    expect(await zombie).toEqual({ kind: 'retry' });
    expect(reportFiles()).toEqual(written);
    expect(await world.platform.batches.get(batch.id)).toEqual(closed);
    expect(seen.closes).toBe(2);
  });

  it('holds its claim while a long report is being written', async () => {
    const begun = world.clock.now();
    const long = world.newApp(() => ({
      ...world.platform,
      files: {
        ...world.platform.files,
        async write(...args) {
          world.clock.advance(4_000);
          expect(await dispatch(world.app, finalize)).toMatchObject({ kind: 'retry' });
          await world.platform.files.write(...args);
        },
      },
    }));
    expect(await dispatch(long, finalize)).toEqual(ACK);
    expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'finished' });
    expect(world.clock.now() - begun).toBeGreaterThan(LONGER_THAN_A_LEASE_MS);
  });

  it('leaves a batch alone that has an open item, and announces the item', async () => {
    await resumeBatch(world.app, batch.id, { failed: false, errors: false });
    const [item] = await world.platform.batches.items(batch.id, { limit: 1 });
    await world.platform.batches.reopen(batch.id, ['passed']);
    lost();
    expect(await dispatch(world.app, finalize)).toEqual(ACK);
    expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'running', sealed: true });
    expect(lost()).toContainEqual({ kind: 'process', batchId: batch.id, itemId: item?.id });
  });

  it('cannot close over items that are just being opened again', async () => {
    await dispatch(world.app, finalize);
    const { batches } = world.platform;
    const resuming = world.newApp(() => ({
      ...world.platform,
      batches: {
        ...batches,
        async reopen(...args) {
          expect(await dispatch(world.app, finalize)).toEqual(ACK);
          return await batches.reopen(...args);
        },
      },
    }));
    await resumeBatch(resuming, batch.id, { failed: true, errors: false });
    expect(await batches.get(batch.id)).toMatchObject({ state: 'running', sealed: true, revision: 1 });
  });

  it('keeps the end that the first finaliser decided on, also when the batch is cancelled before the next', async () => {
    const dying = mortal(5, 'after');
    await expect(dispatch(dying.app, finalize)).rejects.toThrow();
    await cancelBatch(world.app, batch.id);
    world.clock.advance(LONGER_THAN_A_LEASE_MS);
    expect(await dispatch(world.app, finalize)).toEqual(ACK);
    expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'finished' });
  });
});
