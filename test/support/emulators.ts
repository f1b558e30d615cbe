import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** An emulator of its own for whoever started it. `host` is `127.0.0.1:port`, as the clients want it. */
export interface Emulator {
  host: string;
  stop(): Promise<void>;
}

const HOW_TO_GET = 'gcloud components install cloud-firestore-emulator pubsub-emulator (and Java 17 or newer)';
const START_LIMIT_MS = 60_000;

let sought: { sdk: string } | { missing: string } | undefined;

/** Firestore in memory, empty. */
export async function startFirestoreEmulator(): Promise<Emulator> {
  const jar = jarIn('cloud-firestore-emulator');
  const main = 'com.google.cloud.datastore.emulator.firestore.CloudFirestore';
  return await start((port) => ['-Duser.language=en', '-cp', jar, main, '--host', '127.0.0.1', '--port', `${port}`]);
}

/** Pub/Sub in memory, without topics. */
export async function startPubsubEmulator(): Promise<Emulator> {
  const jar = jarIn('pubsub-emulator/lib');
  return await start((port) => ['-jar', jar, '--host=127.0.0.1', `--port=${port}`]);
}

/** What is missing to start the emulators, and how to get it; undefined when nothing is. */
export function missingEmulators(): string | undefined {
  sought ??= seek();
  return 'missing' in sought ? sought.missing : undefined;
}

/** Whether tests can use the emulators. With PROOFSHEET_REQUIRE_EMULATORS=1 their absence is an error. */
export function emulatorsAvailable(): boolean {
  const missing = missingEmulators();
  if (missing !== undefined && process.env.PROOFSHEET_REQUIRE_EMULATORS === '1') throw new Error(missing);
  return missing === undefined;
}

function seek(): { sdk: string } | { missing: string } {
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' });
    const format = '--format=value(installation.sdk_root)';
    const sdk = execFileSync('gcloud', ['info', format], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    sought = { sdk: sdk.trim() };
    jarIn('cloud-firestore-emulator');
    jarIn('pubsub-emulator/lib');
    return sought;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { missing: `The Google Cloud emulators cannot be started (${reason}): ${HOW_TO_GET}.` };
  }
}

function jarIn(folder: string): string {
  sought ??= seek();
  if ('missing' in sought) throw new Error(sought.missing);
  const path = join(sought.sdk, 'platform', folder);
  const jar = readdirSync(path).find((name) => name.endsWith('.jar'));
  if (jar === undefined) throw new Error(`there is no .jar in ${path}`);
  return join(path, jar);
}

async function start(argumentsFor: (port: number) => string[]): Promise<Emulator> {
  const port = await freePort();
  const java = spawn('java', ['-Xmx1g', ...argumentsFor(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const listen = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  };
  java.stdout.on('data', listen);
  java.stderr.on('data', listen);
  const ended = new Promise<void>((resolve) => java.once('close', () => resolve()));
  const kill = () => java.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    kill();
    await ended;
  };
  const host = `127.0.0.1:${port}`;
  if (await answers(host, java)) return { host, stop };
  await stop();
  throw new Error(`The emulator did not start on ${host}: ${said}`);
}

/** Both emulators answer `Ok` at their root as soon as they serve. */
async function answers(host: string, java: ChildProcess): Promise<boolean> {
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  while (!limit.aborted && java.exitCode === null) {
    const status = await fetch(`http://${host}/`, { signal: limit }).then(
      async (response) => {
        await response.text();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return true;
    await sleep(50);
  }
  return false;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port is free on 127.0.0.1');
  return address.port;
}
