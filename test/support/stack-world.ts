import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { writePhotos } from './cli.ts';
import { respondToFidelity } from './fidelity-responder.ts';
import { firestoreOn } from './firestore-subject.ts';
import { type GeminiServerOptions, startGeminiServer } from './gemini-server.ts';
import { upload } from './mirror-folder.ts';
import { BUCKETS, type FunctionName, PROJECT, type Stack, type StackOptions, startStack } from './stack.ts';
import { makeHome } from './temp-home.ts';

/** How long anything may take on a machine that is busy with other things. */
const LIMIT_MS = 170_000;
/** For a call; a lease is a little longer. */
const CALL_SECONDS = 4;

type BucketName = keyof typeof BUCKETS;

export interface Row {
  name: string;
  status: string;
  score: number | null;
  attempts: number;
  code: string | null;
  message: string;
  result: unknown;
  verdicts: unknown[];
  calls: number;
}

/** The whole deployment over a Gemini server of the test's own, with leases and backoffs that a test can wait for. */
export async function stackWorld(
  options: { gemini?: GeminiServerOptions; stack?: Partial<StackOptions>; env?: Record<string, string> } = {},
) {
  const home = await makeHome();
  writeFileSync(join(home.path, 'proofsheet.yaml'), `timeout: ${CALL_SECONDS}\n`);
  const gemini = await startGeminiServer({ respond: respondToFidelity, ...options.gemini });
  const stack = await startStack({
    cwd: home.path,
    env: {
      GEMINI_API_KEY: 'test',
      GOOGLE_GEMINI_BASE_URL: gemini.url,
      LEASE_SECONDS: '1',
      DROP_GRACE_SECONDS: '1',
      DROP_QUIET_SECONDS: '60',
      MAX_RUNNING_BATCHES: '20',
      ...options.env,
    },
    backoff: { least: 0.2, most: 2 },
    ...options.stack,
  });
  await stack.ready();
  const db = firestoreOn(stack.hosts.firestore, PROJECT);
  return {
    ...{ stack, gemini, db },
    ...callsOf(stack),
    /** Uploads photos, each of its own content, as `respondToFidelity` knows them, to a bucket that nobody watches or another. */
    async photos(folder: string, names: readonly string[], bucket: BucketName = 'catalogue') {
      const local = join(home.path, folder);
      mkdirSync(local, { recursive: true });
      writePhotos(local, names);
      for (const name of names) await put(stack, bucket, `${folder}/${name}`, readFileSync(join(local, name)));
    },
    put: (bucket: BucketName, name: string, bytes: Uint8Array) => put(stack, bucket, name, bytes),
    /** Steps in the journals of a batch's items, those taken over from others not counted. */
    async recordedCalls(batchId: string): Promise<number> {
      const items = await db.collection('batches').doc(batchId).collection('items').select().get();
      const steps = await Promise.all(items.docs.map((item) => item.ref.collection('steps').count().get()));
      return steps.reduce((sum, step) => sum + step.data().count, 0);
    },
    /** State, fence and time of the end of every item, as they are stored. */
    async itemStates(batchId: string): Promise<unknown[]> {
      const items = await db.collection('batches').doc(batchId).collection('items').get();
      return items.docs.map((item) => [item.id, item.get('state'), item.get('fence'), item.get('settledAt')]);
    },
    /** The answer of a function to a message that is none. */
    awake: (name: FunctionName) => fetch(stack.functions[name].url, { method: 'POST' }),
    async close() {
      await db.terminate();
      await stack.stop();
      await gemini.close();
      await home.remove();
    },
  };
}

async function put(stack: Stack, bucket: BucketName, name: string, bytes: Uint8Array): Promise<void> {
  await upload(`${stack.storage.url}/${BUCKETS[bucket]}`, name, bytes);
}

/** What a client of the API asks; also while its process is being killed. */
function callsOf(stack: Stack) {
  async function ask(path: string, body?: object): Promise<Response> {
    const address = `${stack.functions.api.url}${path}`;
    if (body === undefined) return await fetch(address);
    const headers = { 'content-type': 'application/json' };
    return await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) });
  }
  async function json<T>(path: string, body?: object): Promise<T> {
    const response = await ask(path, body);
    const document = await response.json();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(document)}`);
    return document as T;
  }
  const batch = (batchId: string) => json<RunDocument>(`/api/batches/${batchId}`);
  return {
    ...{ ask, json, batch },
    async start(prefix: string, more: object = {}): Promise<string> {
      const body = { prefix: `gs://${BUCKETS.catalogue}/${prefix}`, ...more };
      return (await json<{ batch_id: string }>('/api/batch/start', body)).batch_id;
    },
    /** The batch once the condition holds for it. */
    async batchWhen(batchId: string, holds: (document: RunDocument) => boolean): Promise<RunDocument> {
      const look = async () => {
        const document = await batch(batchId);
        if (!holds(document)) throw new Error(`It never came to that: ${JSON.stringify(document)}`);
        return document;
      };
      return await vi.waitFor(look, { timeout: LIMIT_MS, interval: 100 });
    },
    /** The newest batch of this name, once there is one. */
    async batchNamed(name: string): Promise<RunDocument> {
      const look = async () => {
        const { batches } = await json<{ batches: RunDocument[] }>('/api/batches');
        const found = batches.find((document) => document.name === name);
        if (found === undefined) throw new Error(`There is no batch ${name}.`);
        return found;
      };
      return await vi.waitFor(look, { timeout: LIMIT_MS, interval: 100 });
    },
    async rows(batchId: string): Promise<Row[]> {
      const { items } = await json<{ items: Row[] }>(`/api/batches/${batchId}/items?limit=500`);
      return items.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}

export type StackWorld = Awaited<ReturnType<typeof stackWorld>>;
