import { parseArgs } from 'node:util';
import { DEFAULT_LIMITS } from '../../functions/app/app.ts';
import { settledItems } from '../../functions/app/finalize-batch.ts';
import { isTerminal } from '../../functions/domain/batch.ts';
import { localPlatform } from '../../functions/platform/local/index.ts';
import type { Models, Platform } from '../../functions/platform/ports.ts';
import { buildReport } from '../../functions/report/build-report.ts';
import { writeItemOutputs } from '../../functions/report/outputs.ts';
import { NO_JOBS } from '../support/no-jobs.ts';
import { drawProducts, syntheticBatch, syntheticItem } from '../support/report-fixtures.ts';
import type { ReportResult } from './children.ts';

/** With --prepare N: settles a batch of N judged items in the store. Without: writes the report of that batch, as the finaliser does. */
const { values } = parseArgs({
  options: { home: { type: 'string' }, output: { type: 'string' }, prepare: { type: 'string' } },
});
const unused: Models = {
  call: () => Promise.reject(new Error('no call is expected')),
  check: () => Promise.resolve([]),
};
const silent = { info: () => {}, warn: () => {}, error: () => {} };
const { platform, close } = localPlatform({ home: values.home ?? '', models: unused, jobs: NO_JOBS, log: silent });
const PAGE = 500;
/** Pictures are stored by content, so these items bring all thumbnails that the others show too. */
const ITEMS_WITH_PICTURES = 300;

if (values.prepare === undefined) await measure(platform);
else await prepare(platform, Number(values.prepare));
await close();

async function measure({ batches, files, clock }: Platform): Promise<void> {
  const [batch] = await batches.list({ limit: 1 });
  if (batch === undefined) throw new Error('there is no batch to report on');
  const startedAt = performance.now();
  const counts = await batches.counts(batch.id);
  const items = settledItems({ batches, limits: DEFAULT_LIMITS }, batch.id);
  const { report } = await buildReport({ files, batch, counts, items, now: clock.now() });
  const wallMs = performance.now() - startedAt;
  print({ wallMs, peakMb: process.resourceUsage().maxRSS / 1024, report });
}

async function prepare({ batches, journal, files }: Platform, count: number): Promise<void> {
  const batch = syntheticBatch(values.output ?? '', { state: 'running', sealed: false });
  await batches.create(batch);
  const products = await drawProducts(files, 36);
  for (let start = 0; start < count; start += PAGE) {
    const entries = Array.from({ length: Math.min(PAGE, count - start) }, (_, k) => {
      const product = products[(start + k) % products.length];
      if (product === undefined) throw new Error('no product was drawn');
      return syntheticItem(batch, start + k, product);
    });
    await batches.addItems(
      batch.id,
      entries.map(({ item }) => item),
    );
    await Promise.all(
      entries.map(async ({ item, detail = { steps: [], candidateThumbnails: {} } }, k) => {
        const claimed = await journal.claim(batch.id, item.id, 600_000);
        const { state, summary } = item;
        if (claimed.kind !== 'claimed' || summary === undefined || !isTerminal(state)) throw new Error('not settled');
        if (start + k < ITEMS_WITH_PICTURES) await writeItemOutputs(files, batch, item, { state, summary, detail });
        await journal.settle(claimed.claim, { state, summary, detail });
      }),
    );
  }
  await batches.change(batch.id, () => ({ state: 'finished', sealed: true }));
  print({ wallMs: 0, peakMb: 0, report: '' });
}

function print(result: ReportResult): void {
  console.log(JSON.stringify(result));
}
