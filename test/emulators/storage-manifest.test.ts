import { expect, it, onTestFinished } from 'vitest';
import { candidatePage } from '../../functions/app/candidate-page.ts';
import { FIRST_INPUT, inputPage } from '../../functions/app/input-pages.ts';
import { storageFiles } from '../../functions/platform/google/storage-files.ts';
import { pictureOf, plannedOver, stubApp } from '../support/input-listing.ts';
import { startStorageServer } from '../support/storage-server.ts';

it('plans over a manifest in a bucket, page by page, without reading it again for each', async () => {
  const server = await startStorageServer({ buckets: ['shop'] });
  onTestFinished(() => server.close());
  const client = { apiEndpoint: server.url, projectId: 'project' };
  const files = storageFiles({ objects: { bucket: 'shop', prefix: 'objects' }, client });
  for (const name of ['a', 'b']) server.objects.insert('shop', `photos/${name}.png`, pictureOf(name), {}, {});
  const rows = Array.from(
    { length: 9000 },
    (_, n) => `../photos/${n % 2 === 0 ? 'a' : 'b'}.png;"Row, ${n}";${'x'.repeat(90)}`,
  );
  const odd = ['gs://other/x.png;out;', '../../up.png;up;', '/etc/hostname;disk;', '../photos/gone.png;gone;'];
  const table = ['path;title;text', ...odd, ...rows].join('\r\n');
  server.objects.insert('shop', 'data/catalog.csv', Buffer.from(table), {}, {});
  const batch = plannedOver(['gs://shop/data/catalog.csv'], { within: ['gs://shop'] });
  const app = stubApp(files, 'image', 6);

  const first = await inputPage(app, batch, FIRST_INPUT);
  const items = first?.considered.flatMap((one) => (one.kind === 'item' ? [one.item] : [])) ?? [];
  expect(items.map(({ source, refusal }) => [source, refusal?.code])).toEqual([
    ['gs://shop/data/catalog.csv', 'bad_row'],
    ['gs://shop/data/catalog.csv', 'bad_row'],
    ['gs://shop/data/catalog.csv', 'bad_row'],
    ['gs://shop/photos/gone.png', 'file_missing'],
    ['gs://shop/photos/a.png', undefined],
    ['gs://shop/photos/b.png', undefined],
  ]);
  expect(items[5]?.metadata).toMatchObject({ title: 'Row, 1' });

  const titles = new Set<string | undefined>();
  const before = server.calls.length;
  let pages = 0;
  for (let cursor = first?.next ?? FIRST_INPUT; cursor.input === 0; pages += 1) {
    const page = await candidatePage(app, batch, cursor, 1000);
    for (const candidate of page.candidates) if (candidate.kind === 'candidate') titles.add(candidate.columns.title);
    cursor = page.next;
  }
  expect(titles.size).toBe(8998);
  expect(pages).toBe(9);
  const downloads = server.calls.slice(before).filter(({ url }) => url.includes('alt=media'));
  // The head and a part or two for each page; a page of a thousand rows is half a part.
  expect(downloads.length).toBeLessThanOrEqual(3 * pages);
});
