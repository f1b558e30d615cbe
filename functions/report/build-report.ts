import type { Batch, Counts } from '../domain/batch.ts';
import type { Work } from '../domain/estimate.ts';
import type { Files } from '../platform/ports.ts';
import { htmlPage } from './html-page.ts';
import type { ReportItem } from './item-row.ts';
import { measuredWork } from './measured-work.ts';
import { errorAnalysis, processingStats, promptEvolution } from './metadata-files.ts';
import type { OutputPath } from './output-paths.ts';
import { writeRefusalLog } from './outputs.ts';
import { DETAILS_PER_FILE, detailRecord, indexRow, ROWS_PER_FILE } from './page-data.ts';
import { PAGE_STYLES, pagePart, REPORT_SCRIPTS, SHARED_SCRIPTS } from './page-parts.ts';
import type { ReportHead, TextReport } from './report-format.ts';
import { type ReviewRecord, reviewRecords, reviewsScript } from './review-data.ts';
import { scriptJson } from './safe-text.ts';
import { addToTally, newTally, type Tally } from './tally.ts';
import { reportHead, runDocument, textReport } from './text-reports.ts';
import { openTextSink, type TextSink } from './text-sink.ts';

/** The page's scripts in the order in which they are loaded, around the data that they are about. */
const BEFORE_DATA = [SHARED_SCRIPTS[0], REPORT_SCRIPTS[0]];
const AFTER_DATA = [...SHARED_SCRIPTS.slice(1), REPORT_SCRIPTS[1]];

const JSON_TYPE = 'application/json';
const SCRIPT_TYPE = 'text/javascript; charset=utf-8';

interface Place {
  files: Files;
  uri(path: OutputPath): string;
}

/**
 * Writes everything a batch's output folder holds about the batch as a whole: `report.html` with its data, `results.*` and
 * `metadata/`. One walk over the items, in any order; pictures are already there. Safe to repeat. Gives the report's URI.
 */
export async function buildReport(of: {
  files: Files;
  batch: Batch;
  counts: Counts;
  items: AsyncIterable<ReportItem>;
  now: number;
}): Promise<{ report: string; measured: Work | undefined }> {
  const { files, batch, counts } = of;
  const place: Place = { files, uri: (path) => files.join(batch.outputDir, ...path) };
  const report = place.uri(['report.html']);
  const head = reportHead(batch, counts, { ...runDocument(batch, counts, of.now), report });
  const tally = newTally();
  const indexFiles = await writeItems(place, head, tally, of.items);
  await Promise.all([
    writeJson(place, ['metadata', 'processing_stats.json'], processingStats(head, tally)),
    writeJson(place, ['metadata', 'error_analysis.json'], errorAnalysis(head, tally)),
    ...BEFORE_DATA.map((name) => copyAsset(place, name, SCRIPT_TYPE)),
    ...AFTER_DATA.map((name) => copyAsset(place, name, SCRIPT_TYPE)),
    ...PAGE_STYLES.map((name) => copyAsset(place, name, 'text/css; charset=utf-8')),
  ]);
  const scripts = [
    ...BEFORE_DATA,
    ...Array.from({ length: indexFiles }, (_, k) => `data/index-${k}.js`),
    'data/reviews.js',
    ...AFTER_DATA,
  ];
  // Last, so that a report that can be opened has everything it loads.
  await files.write(report, await htmlPage(head, tally, { scripts, styles: PAGE_STYLES }), 'text/html; charset=utf-8');
  return { report, measured: measuredWork(tally) };
}

/** Gives the number of index scripts. */
async function writeItems(
  place: Place,
  head: ReportHead,
  tally: Tally,
  items: AsyncIterable<ReportItem>,
): Promise<number> {
  const texts = openTexts(place, head, tally);
  const index = scriptPages(place, 'index', ROWS_PER_FILE);
  const details = scriptPages(place, 'detail', DETAILS_PER_FILE);
  const reviews: ReviewRecord[] = [];
  try {
    for (const { text, sink } of texts) await sink.add(text.head());
    for await (const entry of items) {
      addToTally(tally, entry);
      head.groups?.add(entry);
      if (entry.detail === undefined) await writeRefusalLog(place.files, head.batch, entry.item);
      await index.add(indexRow(entry));
      await details.add(detailRecord(entry));
      reviews.push(...reviewRecords(entry.item));
      for (const { text, sink } of texts) await sink.add(text.item(entry));
    }
    for (const { text, sink } of texts) for (const piece of text.tail()) await sink.add(piece);
    await Promise.all(texts.map(({ sink }) => sink.end()));
  } catch (error) {
    await Promise.all(texts.map(({ sink }) => sink.abort(error)));
    throw error;
  }
  await place.files.write(place.uri(['report', 'data', 'reviews.js']), reviewsScript(reviews), SCRIPT_TYPE);
  await details.end();
  return await index.end();
}

function openTexts(place: Place, head: ReportHead, tally: Tally): { text: TextReport; sink: TextSink }[] {
  const open = (path: OutputPath, type: string, text: TextReport) => ({
    text,
    sink: openTextSink(place.files, place.uri(path), type),
  });
  return [
    open(['results.json'], JSON_TYPE, textReport('json', head)),
    open(['results.csv'], 'text/csv; charset=utf-8', textReport('csv', head)),
    open(['results.md'], 'text/markdown; charset=utf-8', textReport('markdown', head)),
    open(['results.xml'], 'application/xml', textReport('junit', head)),
    open(['metadata', 'items.jsonl'], 'application/jsonl', textReport('jsonl', head)),
    open(['metadata', 'prompt_evolution.json'], JSON_TYPE, promptEvolution(head, tally.prompts)),
  ];
}

/** Records as scripts of `size` each, because a page opened from disk may run scripts beside it but not fetch data. */
function scriptPages(place: Place, kind: 'index' | 'detail', size: number) {
  let records: string[] = [];
  let written = 0;
  async function flush(): Promise<void> {
    if (records.length === 0) return;
    const script = `proofsheet.receive('${kind}',${written},[\n${records.join(',\n')}\n]);\n`;
    const uri = place.uri(['report', 'data', `${kind}-${written}.js`]);
    records = [];
    written += 1;
    await place.files.write(uri, script, SCRIPT_TYPE);
  }
  return {
    async add(record: unknown): Promise<void> {
      records.push(scriptJson(record));
      if (records.length >= size) await flush();
    },
    async end(): Promise<number> {
      await flush();
      return written;
    },
  };
}

async function copyAsset(place: Place, name: string, mimeType: string): Promise<void> {
  await place.files.write(place.uri(['report', name]), await pagePart(name), mimeType);
}

async function writeJson(place: Place, path: OutputPath, value: unknown): Promise<void> {
  await place.files.write(place.uri(path), `${JSON.stringify(value, null, 2)}\n`, JSON_TYPE);
}
