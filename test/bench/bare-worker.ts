import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GoogleGenAI } from '@google/genai';
import pLimit from 'p-limit';
import type { BareResult } from './children.ts';
import { BENCH_MODEL, BENCH_PROMPT } from './one-call.ts';

/** The loop that one would write in ten lines: reads a file, asks, keeps the text in memory. Nothing is recorded or retried. */
const { values } = parseArgs({
  options: { inputs: { type: 'string' }, url: { type: 'string' }, concurrency: { type: 'string' } },
});
const folder = values.inputs ?? '';
const client = new GoogleGenAI({ apiKey: 'bench', httpOptions: { baseUrl: values.url ?? '' } });
const entries = await readdir(folder, { recursive: true, withFileTypes: true });
const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));

const startedAt = performance.now();
const answers = await pLimit(Number(values.concurrency)).map(paths, async (path) => {
  const data = (await readFile(path)).toString('base64');
  try {
    const response = await client.models.generateContent({
      model: BENCH_MODEL,
      contents: [{ role: 'user', parts: [{ text: BENCH_PROMPT }, { inlineData: { mimeType: 'image/jpeg', data } }] }],
    });
    return response.text;
  } catch {
    return undefined;
  }
});
const result: BareResult = {
  wallMs: performance.now() - startedAt,
  done: answers.filter((answer) => answer !== undefined).length,
  peakMb: process.resourceUsage().maxRSS / 1024,
};
console.log(JSON.stringify(result));
