import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from './emulators.ts';

const FRAMEWORK = fileURLToPath(
  new URL('../../node_modules/@google-cloud/functions-framework/build/src/main.js', import.meta.url),
);
const SOURCE = fileURLToPath(new URL('../..', import.meta.url));
/** Halves the time to start, which counts where a test kills many processes. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/proofsheet-test', import.meta.url));

/** A function in a process of its own, begun again whenever that dies, as Cloud Run does with an instance. */
export interface FunctionProcess {
  readonly name: string;
  readonly url: string;
  /** Processes so far. */
  readonly starts: number;
  /** What the function said, all of its processes together. */
  readonly said: string;
  /** Ends the process of the moment. False while there is none. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): boolean;
  /** Resolves when it takes requests. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export interface FunctionOptions {
  name: string;
  env: Readonly<Record<string, string>>;
  /** Where `.env` and `proofsheet.yaml` are looked for. */
  cwd: string;
  port?: number;
  hear?: (line: string) => void;
}

/** `node_modules/.bin/functions-framework` over this repository, as a deployment starts it. */
export async function startFunction(options: FunctionOptions): Promise<FunctionProcess> {
  const { name, env, cwd, hear } = options;
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  let said = '';
  let starts = 0;
  let isOver = false;
  let child: ChildProcess;
  const begin = () => {
    starts += 1;
    child = spawn(process.execPath, [FRAMEWORK, `--target=${name}`, `--source=${SOURCE}`, `--port=${port}`], {
      cwd,
      env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        for (const line of text.split('\n')) if (line !== '') hear?.(line);
      });
    }
    child.once('exit', () => {
      if (!isOver) begin();
    });
  };
  begin();
  const killAtExit = () => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  return {
    name,
    url,
    get starts() {
      return starts;
    },
    get said() {
      return said;
    },
    kill: (signal) => child.kill(signal),
    async ready() {
      const limit = AbortSignal.timeout(60_000);
      while (!(await answers(url, limit))) {
        if (limit.aborted) throw new Error(`The function ${name} does not answer: ${said.slice(-2000)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async stop() {
      isOver = true;
      process.off('exit', killAtExit);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Any answer counts: only the API has something to say to a GET. */
async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  return await fetch(`${url}/favicon.ico`, { signal }).then(
    async (response) => {
      await response.arrayBuffer();
      return true;
    },
    () => false,
  );
}
