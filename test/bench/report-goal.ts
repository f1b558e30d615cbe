import { pathToFileURL } from 'node:url';
import { chromiumPath, openBrowser } from '../support/browser.ts';
import { type ReportResult, runChild } from './children.ts';
import { type Bench, type Row, times } from './goals.ts';
import { median, spread } from './statistics.ts';

const ITEMS = 10_000;

/** The list is drawn and the pictures in it are loaded. */
const FIRST_VIEW = `(() => {
  const images = [...document.querySelectorAll('#list img')];
  const shown = images.filter((image) => image.getBoundingClientRect().top < innerHeight);
  return document.querySelectorAll('#list li').length > 5 && shown.every((image) => image.complete);
})()`;

/** Writes the report of a large batch from its store, and opens it. */
export async function largeReport({ workspace, rounds }: Bench): Promise<Row[]> {
  return await workspace.within(async (folder) => {
    const args = ['--home', `${folder}/home`, '--output', `${folder}/output`];
    await runChild('report-worker.ts', [...args, '--prepare', String(ITEMS)]);
    const built = await times(rounds, () => runChild<ReportResult>('report-worker.ts', args));
    const writing = built.map(({ wallMs }) => wallMs / 1000);
    const rows: Row[] = [
      {
        goal: `f. report of ${ITEMS} items, thumbnails present: seconds to write (peak ${median(built.map(({ peakMb }) => peakMb)).toFixed(0)} MB)`,
        limit: '< 5',
        measured: spread(writing),
        bare: '',
        ratio: '',
        ok: median(writing) < 5,
      },
    ];
    const executable = chromiumPath();
    if (executable === undefined) return rows;
    const views = await times(rounds, () => firstViewMs(executable, built[0]?.report ?? ''));
    rows.push({
      goal: `f. its first view in Chromium: milliseconds until the list and the pictures in sight are drawn`,
      limit: '< 1000',
      measured: spread(views, 0),
      bare: '',
      ratio: '',
      ok: median(views) < 1000,
    });
    return rows;
  });
}

/** Since navigation began, in a browser of its own. */
async function firstViewMs(executable: string, report: string): Promise<number> {
  const browser = await openBrowser(executable);
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(pathToFileURL(report).href);
    await page.waitForFunction(FIRST_VIEW);
    return (await page.evaluate('performance.now()')) as number;
  } finally {
    await browser.close();
  }
}
