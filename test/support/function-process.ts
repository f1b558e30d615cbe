import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './emulators.ts';

const FRAMEWORK = fileURLToPath(
  new URL('../../node_modules/@google-cloud/functions-framework/build/src/main.js', import.meta.url),
);
const SOURCE = fileURLToPath(new URL('../..', import.meta.url));
/** Halves the time to start, which counts where a test kills many processes. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/proofsheet-test', import.meta.url));

/**
 * A function in a process of its own, begun again whenever that dies. Requests go through a front that does what that of
 * Cloud Run does: it holds them until the process has started, and answers 503 to those that die with it.
 */
export interface FunctionProcess {
  readonly url: string;
  /** Processes so far. */
  readonly starts: number;
  /** Ends the process of the moment. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): void;
  /** Stops the process of the moment where it stands, as a machine does that is moved. Gives what lets it go on. */
  freeze(): () => void;
  /** Resolves when the process of the moment takes requests. */
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

/** A function of this repository under the functions framework, started as a deployment does it. */
export async function startFunction(options: FunctionOptions): Promise<FunctionProcess> {
  const innerPort = await freePort();
  let starts = 0;
  let isOver = false;
  let child: ChildProcess;
  const begin = () => {
    starts += 1;
    child = spawnFunction(options, innerPort);
    child.once('exit', () => {
      if (!isOver) begin();
    });
  };
  begin();
  const ready = async () => {
    while (!isOver && !(await isOpen(innerPort))) await sleep(20);
  };
  const front = createServer(async (incoming, answer) => {
    await ready();
    forward(incoming, answer, innerPort);
  });
  // Longer than any pause between requests: a connection closed while idle would look like a failure to the other side.
  front.keepAliveTimeout = 120_000;
  const port = options.port ?? (await freePort());
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject);
    front.listen(port, '127.0.0.1', resolve);
  });
  const killAtExit = () => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  return {
    url: `http://127.0.0.1:${port}`,
    get starts() {
      return starts;
    },
    kill: (signal) => void child.kill(signal),
    freeze() {
      const frozen = child;
      frozen.kill('SIGSTOP');
      return () => void frozen.kill('SIGCONT');
    },
    ready,
    async stop() {
      isOver = true;
      process.off('exit', killAtExit);
      front.closeAllConnections();
      front.close();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function spawnFunction({ name, env, cwd, hear }: FunctionOptions, port: number): ChildProcess {
  const child = spawn(process.execPath, [FRAMEWORK, `--target=${name}`, `--source=${SOURCE}`, `--port=${port}`], {
    cwd,
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) if (line !== '') hear?.(line);
    });
  }
  return child;
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function forward(incoming: IncomingMessage, answer: ServerResponse, port: number): void {
  const { method, url, headers } = incoming;
  const inner = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
    response.once('error', () => answer.destroy());
  });
  inner.once('error', () => {
    if (answer.headersSent) answer.destroy();
    else answer.writeHead(503).end();
  });
  incoming.pipe(inner);
}
