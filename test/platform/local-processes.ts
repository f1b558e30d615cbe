import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/** A child process that works on the same home. */
export interface Worker {
  /** The next line it prints; undefined after the last. */
  next(): Promise<string | undefined>;
  /** All lines until it ends by itself. Fails with what it printed as error when it does not end well. */
  rest(): Promise<string[]>;
  /** Lets a waiting worker go on. */
  go(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts `local-worker.ts` with a job; it is killed at the end of the test. */
export function startWorker(job: string, argument: Record<string, unknown>): Worker {
  const script = new URL('./local-worker.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, job, JSON.stringify(argument)]);
  const exited = once(child, 'exit');
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  const next = async (): Promise<string | undefined> => {
    const { value, done } = await lines.next();
    return done ? undefined : value;
  };
  return {
    next,
    async rest() {
      const all: string[] = [];
      for (let text = await next(); text !== undefined; text = await next()) all.push(text);
      const [code] = await exited;
      if (code !== 0) throw new Error(`the worker ended with ${code}: ${errors}`);
      if (errors !== '') throw new Error(`the worker printed: ${errors}`);
      return all;
    },
    go: () => child.stdin.write('\n'),
    kill,
  };
}

/** Starts one worker per argument and lets them go on together when all are ready. */
export async function startTogether(job: string, args: readonly Record<string, unknown>[]): Promise<string[][]> {
  const workers = args.map((argument) => startWorker(job, argument));
  await Promise.all(workers.map((worker) => worker.next()));
  for (const worker of workers) worker.go();
  return await Promise.all(workers.map((worker) => worker.rest()));
}
