import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { photoText, respondToFidelity } from './fidelity-responder.ts';
import { type GeminiServer, type GeminiServerOptions, startGeminiServer } from './gemini-server.ts';
import { solidPng, withText } from './png.ts';
import { makeHome } from './temp-home.ts';

const CLI = fileURLToPath(new URL('../../functions/cli.ts', import.meta.url));
/** Halves the time to start, which counts where a test starts many processes. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/proofsheet-test', import.meta.url));

/** How a process of the command line ended. */
export interface CliEnd {
  /** Null when it was killed. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  process: ChildProcess;
  ended: Promise<CliEnd>;
  /** What of standard error matched, as soon as it does. Fails when the process ends without. */
  noted(pattern: RegExp): Promise<RegExpExecArray>;
}

type AtEnd = (end: () => Promise<void> | void) => void;

/** A folder with photos, a state folder and a Gemini server of the test's own, and the real command line over them. */
export interface CliWorld {
  root: string;
  photos: string;
  home: string;
  output: string;
  server: GeminiServer;
  /** Runs a command to its end. `--home` is added. */
  cli(...args: string[]): Promise<CliEnd>;
  /** The same with `--json`: its standard output, parsed. */
  json<T = RunDocument>(...args: string[]): Promise<T>;
  start(...args: string[]): RunningCli;
  /** Arguments of a `run` over the photos, then `more`. */
  run(...more: string[]): string[];
}

/** Everything ends with the test, or when the functions given to `atEnd` are called. */
export async function cliWorld(
  names: readonly string[] = [],
  serving: GeminiServerOptions = {},
  options: { env?: Record<string, string>; atEnd?: AtEnd } = {},
): Promise<CliWorld> {
  const { env = {}, atEnd = onTestFinished } = options;
  const { path: root, remove } = await makeHome();
  atEnd(remove);
  const [photos, home, output] = [join(root, 'photos'), join(root, 'home'), join(root, 'output')];
  mkdirSync(photos);
  writePhotos(photos, names);
  const server = await startGeminiServer({ respond: respondToFidelity, ...serving });
  atEnd(() => server.close());
  const environment = {
    PATH: process.env.PATH ?? '',
    HOME: root,
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    GEMINI_API_KEY: 'test',
    GOOGLE_GEMINI_BASE_URL: server.url,
    ...env,
  };
  const start = (...args: string[]) => startCli([...args, '--home', home], { cwd: root, env: environment, atEnd });
  const cli = (...args: string[]) => start(...args).ended;
  return {
    ...{ root, photos, home, output, server, cli, start },
    async json<T>(...args: string[]) {
      const { stdout, stderr } = await cli(...args, '--json');
      if (stdout === '') throw new Error(`No output of ${args.join(' ')}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    run: (...more) => ['run', photos, '--output-dir', output, ...more],
  };
}

let colour = 0;

/** Small pictures, no two of them alike, each with its name in it for `itemOf`. Names may have folders. */
export function writePhotos(folder: string, names: readonly string[]): void {
  for (const name of names) {
    colour += 1;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    const picture = solidPng(24, 24, [colour % 256, colour >> 8, 120]);
    writeFileSync(join(folder, name), withText(picture, photoText(name)));
  }
}

/** Names for so many photos, a third of which passes at the second round, a third never. */
export function photoNames(count: number): string[] {
  const kinds = ['first', 'second', 'never'];
  return Array.from({ length: count }, (_, index) => `${String(index).padStart(3, '0')}-${kinds[index % 3]}.png`);
}

function startCli(
  args: readonly string[],
  { cwd, env, atEnd }: { cwd: string; env: Record<string, string>; atEnd: AtEnd },
): RunningCli {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  atEnd(() => void child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = once(child, 'close');
  return {
    process: child,
    ended: closed.then(([code]) => ({ code, stdout, stderr })),
    async noted(pattern) {
      for (let match = pattern.exec(stderr); ; match = pattern.exec(stderr)) {
        if (match !== null) return match;
        if (child.exitCode !== null) throw new Error(`It ended without ${pattern}: ${stderr}`);
        await Promise.race([once(child.stderr, 'data'), closed]);
      }
    },
  };
}
