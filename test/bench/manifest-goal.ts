import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { planManifest } from './children.ts';
import { type Bench, type Row, times } from './goals.ts';
import { median, spread } from './statistics.ts';

const PICTURES = 10_000;
const FEW_ROWS = 10_000;
const ROWS = 50_000;

/** Makes items of a large manifest. */
export async function largeManifest({ workspace, rounds }: Bench): Promise<Row[]> {
  const pictures = await workspace.corpus(PICTURES);
  const planned = (rows: number) =>
    times(rounds, () =>
      workspace.within(async (folder) => {
        const manifest = `${folder}/catalog.csv`;
        await writeManifest(manifest, pictures, rows);
        const result = await planManifest(['--home', `${folder}/home`, '--output', folder, '--manifest', manifest]);
        if (result.items !== rows) throw new Error(`${result.items} items of ${rows} rows`);
        return result;
      }),
    );
  const few = await planned(FEW_ROWS);
  const many = await planned(ROWS);
  const seconds = many.map(({ wallMs }) => wallMs / 1000);
  const peaks = many.map(({ peakMb }) => peakMb);
  const growth = median(peaks) / median(few.map(({ peakMb }) => peakMb));
  const none = { bare: '', ratio: '' };
  return [
    {
      goal: `g. manifest of ${ROWS} rows: seconds from the start of the batch until all items are there`,
      ...{ limit: '< 30', measured: spread(seconds), ...none, ok: median(seconds) < 30 },
    },
    {
      goal: 'g. peak resident memory in MB meanwhile',
      ...{ limit: '< 400', measured: spread(peaks, 0), ...none, ok: median(peaks) < 400 },
    },
    {
      goal: `g. its growth from ${FEW_ROWS} to ${ROWS} rows`,
      ...{ limit: '≤ 1.25 ×', measured: `${growth.toFixed(2)} ×`, ...none, ok: growth <= 1.25 },
    },
  ];
}

/** Every picture comes again with other data, and is an item of its own each time. */
async function writeManifest(path: string, pictures: string, rows: number): Promise<void> {
  const file = createWriteStream(path);
  file.write('sku,image,title,price,url,description\r\n');
  for (let n = 0; n < rows; n += 1) {
    const picture = n % PICTURES;
    const image = `${pictures}/${Math.floor(picture / 1000)}/product-${String(picture).padStart(5, '0')}.jpg`;
    const words = `"Product ""${n}"", hand made, in several colours and sizes"`;
    const line = `SKU-${n},${image},${words},${n % 90}.99,https://shop.example/p/${n},"${'A line of text.\n'.repeat(8)}"\r\n`;
    if (!file.write(line)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}
