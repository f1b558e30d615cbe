import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer } from './children.ts';
import { type Bench, type Row, times } from './goals.ts';
import { median, spread } from './statistics.ts';

const FILES = 10;
const LATENCY_MS = 200;
const CLI = fileURLToPath(new URL('../../functions/cli.ts', import.meta.url));

/** What a batch of ten files takes beyond its calls, from the start of the command to its end. */
export async function smallBatch({ workspace, rounds }: Bench): Promise<Row[]> {
  const server = await startServer({ latencyMs: LATENCY_MS });
  try {
    const seconds = await workspace.within(async (root) => {
      let run = 0;
      const measure = () => overheadOf(root, join(root, `run-${run++}`), server.url);
      // The first one ever compiles, and leaves that to all that follow.
      await measure();
      return await times(rounds, measure);
    });
    const goal = `j. command over ${FILES} texts, all at once, ${LATENCY_MS} ms a call: seconds from its start to its end, without the call`;
    const none = { bare: '', ratio: '' };
    return [{ goal, limit: '< 5', measured: spread(seconds), ...none, ok: median(seconds) < 5 }];
  } finally {
    await server.stop();
  }
}

async function overheadOf(home: string, folder: string, url: string): Promise<number> {
  const texts = join(folder, 'texts');
  await mkdir(texts, { recursive: true });
  for (let n = 0; n < FILES; n += 1) await writeFile(join(texts, `${n}.txt`), `Notes on product ${n}.`);
  const flags = ['--prompt', 'Summarize this document', '--max-concurrent', String(FILES), '--quiet', '--json'];
  const places = ['--home', join(folder, 'home'), '--output-dir', join(folder, 'output')];
  const env = { PATH: process.env.PATH, HOME: home, GEMINI_API_KEY: 'bench', GOOGLE_GEMINI_BASE_URL: url };
  const startedAt = performance.now();
  const { stdout } = await promisify(execFile)(CLI, ['run', texts, ...flags, ...places], { env });
  const took = performance.now() - startedAt;
  const { counts } = JSON.parse(stdout);
  if (counts.passed !== FILES) throw new Error(`${counts.passed} of ${FILES} files passed`);
  return (took - LATENCY_MS) / 1000;
}
