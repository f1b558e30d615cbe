import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type App, createApp, type Limits } from '../../functions/app/app.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { type DropRules, type Ingested, ingestDrop } from '../../functions/app/ingest-drop.ts';
import type { Batch, Item } from '../../functions/domain/batch.ts';
import type { Disposal, Message } from '../../functions/domain/message.ts';
import { arrivalFrom } from '../../functions/domain/object-event.ts';
import { storageFiles } from '../../functions/platform/google/storage-files.ts';
import type { Log, Platform } from '../../functions/platform/ports.ts';
import { openLocal, SILENT_LOG } from '../platform/local-platform.ts';
import { DROP_RECIPES, dropModels, photo } from './drop-recipes.ts';
import { PRICES } from './engine-fakes.ts';
import { manualClock } from './manual-clock.ts';
import type { FinalizeEvent } from './storage-events.ts';
import type { ObjectStore } from './storage-objects.ts';
import { startStorageServer } from './storage-server.ts';
import { makeQuickHome } from './temp-home.ts';
import { timedMessages } from './timed-messages.ts';

export interface DropWorldOptions {
  rules?: Partial<DropRules>;
  limits?: Partial<Limits>;
  log?: Log;
  /** State elsewhere than in SQLite. */
  store?: Partial<Pick<Platform, 'batches' | 'journal' | 'sources'>>;
  /** What the app sees of its platform. */
  through?: (platform: Platform) => Platform;
  /** False: the bucket keeps nothing of the metadata that an object is uploaded with. */
  keepsMarks?: boolean;
}

export type DropWorld = Awaited<ReturnType<typeof dropWorld>>;

/**
 * A watched bucket, a bucket for results and the use cases over them and SQLite. The clock stands still; events and messages
 * wait until the test hands them out.
 */
export async function dropWorld(of: DropWorldOptions = {}) {
  const home = await makeQuickHome();
  const clock = manualClock();
  const local = openLocal(join(home.path, 'home'), { clock });
  const events: FinalizeEvent[] = [];
  const server = await startStorageServer({
    buckets: ['inbox', 'output', 'work'],
    events: { to: (event) => void events.push(event), buckets: ['inbox'] },
    now: () => clock.now(),
  });
  if (of.keepsMarks === false) forgetMarks(server.objects);
  onTestFinished(async () => {
    await server.close();
    await local.close();
    await home.remove();
  });
  const messages = timedMessages(clock);
  const files = storageFiles({
    objects: { bucket: 'work', prefix: 'objects' },
    client: { projectId: 'project', apiEndpoint: server.url },
  });
  const { models, requests } = dropModels();
  const platform: Platform = {
    ...local.platform,
    ...of.store,
    files,
    models,
    queue: messages.queue,
    log: of.log ?? SILENT_LOG,
  };
  const rules: DropRules = { ...RULES, ...of.rules };
  const newApp = (through = of.through ?? ((same: Platform) => same)): App =>
    createApp(through(platform), {
      ...{ prices: PRICES, stop: new AbortController().signal, recipes: DROP_RECIPES },
      ...(of.limits && { limits: of.limits }),
    });
  const app = newApp();
  const ingest = async (event: FinalizeEvent, as: App = app): Promise<Ingested> => {
    const arrival = arrivalFrom({ ...event.attributes, data: event.data });
    if (arrival === undefined) throw new Error('This is no arrival.');
    return await ingestDrop(as, rules, arrival);
  };

  async function deliverOne(as: App, message: Message): Promise<void> {
    const disposal: Disposal = await dispatch(as, message).catch(() => ({ kind: 'retry' }));
    if (disposal.kind === 'ack') return;
    await messages.queue.publish([message], { delayMs: disposal.afterMs ?? 10_000 });
  }

  /** Hands messages out until none is due; what is not acknowledged comes again later. */
  async function deliverDue(as: () => App): Promise<void> {
    for (let message = messages.take(); message !== undefined; message = messages.take()) {
      await deliverOne(as(), message);
    }
  }

  return {
    ...{ app, newApp, platform, clock, messages, server, requests, rules, events, ingest },
    /** Puts an object into the inbox; the event waits in `events` and is given. */
    async upload(path: string, content: string | Buffer = photo(path), given: object = {}): Promise<FinalizeEvent> {
      const bytes = Buffer.from(content);
      const resource = server.objects.insert('inbox', path, bytes, { contentType: typeOf(path), ...given }, {});
      server.events?.announce(resource);
      await server.events?.settled();
      return lastOf(events);
    },
    wait: (ms: number) => clock.advance(ms),
    /** Hands all events out; those that are refused stay. Gives what became of them. */
    async deliverEvents(as: () => App = () => app): Promise<(Ingested | 'again')[]> {
      const fates: (Ingested | 'again')[] = [];
      for (const event of events.splice(0)) {
        const fate = await ingest(event, as()).catch(() => 'again' as const);
        if (fate === 'again') events.push(event);
        fates.push(fate);
      }
      return fates;
    },
    /** Lets this much time pass: events come, messages are handled, a sweep looks every minute. `as` gives the process at work. */
    async pass(ms: number, as: () => App = () => app): Promise<void> {
      for (let left = ms; ; left -= STEP_MS) {
        await this.deliverEvents(as);
        await deliverDue(as);
        await server.events?.settled();
        if (left <= 0) return;
        clock.advance(Math.min(STEP_MS, left));
        if (Math.floor(clock.now() / 60_000) !== Math.floor((clock.now() - STEP_MS) / 60_000)) {
          await deliverOne(app, { kind: 'tick' });
        }
      }
    },
    deliverDue: (as: () => App = () => app) => deliverDue(as),
    deliverOne,
    /** All batches, the oldest first. */
    batches: async (): Promise<Batch[]> => (await platform.batches.list({ limit: 1000 })).reverse(),
    /** Items as `path state`, in order of path. */
    async items(batchId: string): Promise<string[]> {
      const items = await platform.batches.items(batchId, { limit: 1000 });
      return items.map(titleOf).sort();
    },
  };
}

const STEP_MS = 5_000;

const RULES: DropRules = {
  ...{ inbox: 'gs://inbox', outputRoot: 'gs://output', quietMs: 120_000, graceMs: 20_000 },
  ...{ recipe: 'retouch', recipeSettings: {}, fixedSettings: {}, maxFileBytes: 1_000_000, exclude: [] },
  ...{ run: { lane: 'standard', maxConcurrent: 4, maxRetries: 1, timeoutMs: 60_000 } },
  simulated: false,
};

/** A bucket that keeps no metadata of its objects, as if they had come by way of other tools. */
function forgetMarks(objects: ObjectStore): void {
  const { insert } = objects;
  objects.insert = (bucket, name, bytes, { metadata: _, ...given }, conditions) =>
    insert(bucket, name, bytes, given, conditions);
}

function titleOf({ source, state, summary }: Item): string {
  const path = source.replace(/^gs:\/\/inbox\//, '').replace(/#\d+$/, '');
  return [path, state, ...(summary?.code ? [summary.code] : [])].join(' ');
}

function typeOf(path: string): string {
  if (/\.(png|jpe?g|webp)$/i.test(path)) return 'image/png';
  return /\.json$/.test(path) ? 'application/json' : 'application/octet-stream';
}

function lastOf<T>(list: readonly T[]): T {
  const last = list.at(-1);
  if (last === undefined) throw new Error('The list is empty.');
  return last;
}
