import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Message } from '../../functions/domain/message.ts';
import { toWire } from '../../functions/domain/wire-message.ts';
import { freePort, missingEmulators, startFirestoreEmulator } from '../support/emulators.ts';
import type { Bench, Row } from './goals.ts';
import { median, spread } from './statistics.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FRAMEWORK = join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');

/** What a new process is asked first, and the status of the right answer. */
interface First {
  source: string;
  target: string;
  path: string;
  body?: object;
  headers?: Record<string, string>;
  status: number;
}

const HELLO: First = { source: join(ROOT, 'test/bench/hello-function.js'), target: 'hello', path: '/', status: 200 };
const HEALTH: First = { source: ROOT, target: 'api', path: '/healthz', status: 200 };

/** The first request of each function that needs its app and the store: of a batch that is not there, or no picture. */
const REAL: readonly First[] = [
  { source: ROOT, target: 'api', path: '/api/batches', status: 200 },
  push('process', { kind: 'process', batchId: 'none', itemId: 'none' }),
  push('control', { kind: 'tick' }),
  push('finalize', { kind: 'tick' }),
];

/** From the start of a process to its first answer. */
export async function coldStart({ workspace, rounds }: Bench): Promise<Row[]> {
  return await workspace.within(async (folder) => {
    const ahead = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
    await promisify(execFile)(process.execPath, ['functions/precompile.ts'], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, ...ahead },
    });
    const rows = [await healthRow(rounds, ahead, 'compiled ahead, as deployed', true)];
    rows.push(await healthRow(rounds, {}, 'without that', false));
    if (missingEmulators() !== undefined) return rows;
    const firestore = await startFirestoreEmulator();
    try {
      const env = { ...ahead, FIRESTORE_EMULATOR_HOST: firestore.host };
      for (const first of REAL) {
        const took = await repeat(rounds, () => firstAnswerMs(first, env));
        const goal = `h. \`${first.target}\`: milliseconds to the first answer that needs the store`;
        rows.push({ goal, limit: '', measured: spread(took, 0), bare: '', ratio: '', ok: true });
      }
      return rows;
    } finally {
      await firestore.stop();
    }
  });
}

/** By turns, so that both meet the same moods of the machine. */
async function healthRow(rounds: number, env: Record<string, string>, how: string, hasLimit: boolean): Promise<Row> {
  const bare: number[] = [];
  const own: number[] = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(await firstAnswerMs(HELLO, env));
    own.push(await firstAnswerMs(HEALTH, env));
  }
  const ratio = median(own) / median(bare);
  return {
    goal: `h. \`api\`: milliseconds to the first \`/healthz\`, ${how} (bare: a function that says hello)`,
    limit: hasLimit ? '≤ 1.3 ×' : '',
    measured: spread(own, 0),
    bare: spread(bare, 0),
    ratio: ratio.toFixed(2),
    ok: !hasLimit || ratio <= 1.3,
  };
}

async function repeat(rounds: number, measure: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round++) values.push(await measure());
  return values;
}

async function firstAnswerMs(first: First, env: Record<string, string>): Promise<number> {
  const port = await freePort();
  const begun = performance.now();
  const args = [FRAMEWORK, `--target=${first.target}`, `--source=${first.source}`, `--port=${port}`];
  const child = spawn(process.execPath, args, { env: { ...environment(), ...env }, stdio: 'ignore' });
  const ended = once(child, 'exit');
  try {
    for (;;) {
      const status = await ask(`http://127.0.0.1:${port}${first.path}`, first);
      if (status === first.status) return performance.now() - begun;
      if (status !== undefined || child.exitCode !== null) {
        throw new Error(`${first.target} answered ${status ?? 'nothing'} to ${first.path}`);
      }
      await delay(2);
    }
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    GOOGLE_CLOUD_PROJECT: 'demo-proofsheet',
    INBOX_BUCKET: 'inbox',
    OUTPUT_BUCKET: 'output',
    SIMULATE: 'true',
    // Or the clients look for the metadata server of a cloud machine first.
    METADATA_SERVER_DETECTION: 'none',
  };
}

/** Undefined while nobody listens. */
async function ask(url: string, { body, headers }: First): Promise<number | undefined> {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
  const init = body === undefined ? {} : { ...sent, body: JSON.stringify(body) };
  return await fetch(url, init).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => undefined,
  );
}

function push(target: string, message: Message): First {
  const { data, attributes } = toWire(message);
  const body = {
    message: { data: Buffer.from(data).toString('base64'), attributes, messageId: '1' },
    subscription: 'projects/demo-proofsheet/subscriptions/bench',
  };
  return { source: ROOT, target, path: '/', body, status: 204 };
}
