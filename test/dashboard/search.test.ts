import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen } from '../../functions/commands/serve-http.ts';
import { chromiumPath, openBrowser } from '../support/browser.ts';
import { PRODUCTS } from '../support/embedding-world.ts';
import { httpWorld } from '../support/http-world.ts';

const executable = chromiumPath();
const reason = executable === undefined ? ' (skipped: no Chromium on this machine)' : '';
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

describe.skipIf(executable === undefined)(`the search page in Chromium${reason}`, () => {
  let browser: Browser;
  let url: string;
  let world: Awaited<ReturnType<typeof httpWorld>>;
  const ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    browser = await openBrowser(executable ?? '');
    world = await httpWorld([], {}, (end) => void ends.push(end));
    const stop = new AbortController();
    const server = await listen({ ...world.app, stop: stop.signal }, { host: '127.0.0.1', port: 0 }, world.options);
    ends.push(() => {
      stop.abort();
      return server.untilClosed();
    });
    url = `${server.url}/search`;
  });
  afterAll(async () => {
    await browser?.close();
    for (const end of ends.toReversed()) await end();
  });

  it.each(['light', 'dark'] as const)(
    'finds neighbours of a picture, filters them and shows duplicates, %s',
    async (colorScheme) => {
      const page = await browser.newPage({ colorScheme, viewport: { width: 1200, height: 900 } });
      const problems: string[] = [];
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(url);
      if (colorScheme === 'light') {
        await page.getByText('The collection products has no pictures yet.').waitFor();
        await embedProducts();
        await page.reload();
      }
      const buffer = await sharp(readFileSync(join(PRODUCTS, 'mug.jpg')))
        .flop()
        .resize(900)
        .jpeg()
        .toBuffer();
      await page.getByLabel('Drop a picture here').setInputFiles({ name: 'mine.jpg', mimeType: 'image/jpeg', buffer });
      const titles = page.locator('.neighbour-title');
      await titles.nth(8).waitFor();
      expect(await titles.first().textContent()).toBe('mug');
      await page.getByAltText('Searched by mine.jpg').waitFor();
      await page.getByRole('img', { name: 'watch', exact: true }).scrollIntoViewIfNeeded();
      await expect.poll(() => page.evaluate(LOADED)).toBe(true);
      expect(await page.evaluate(OVERFLOW)).toBe(0);
      expect(await serious(page)).toEqual([]);

      await page.locator('.neighbour', { hasText: 'watch' }).getByRole('button').click();
      await expect.poll(() => titles.first().textContent()).toBe('watch');
      await page.getByLabel('Source').selectOption('scraped');
      await page.getByText('Nothing fits the filter.').waitFor();
      await page.getByLabel('Words').fill('red bag');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText('knows no words').waitFor();
      await page.getByLabel('Least score').fill('0.5');
      await page.getByRole('button', { name: 'Find near duplicates' }).click();
      await page.getByRole('heading', { name: 'Group 1' }).waitFor();
      await page.setViewportSize({ width: 360, height: 800 });
      expect(await page.evaluate(OVERFLOW)).toBe(0);
      // The browser itself writes the refusal of words to the console.
      expect(problems.filter((text) => !text.includes('400'))).toEqual([]);
      await page.close();
    },
  );

  async function embedProducts(): Promise<void> {
    const folder = join(world.photos, 'products');
    mkdirSync(folder);
    for (const name of readdirSync(PRODUCTS)) copyFileSync(join(PRODUCTS, name), join(folder, name));
    await world.post('/api/batch/start', { prefix: folder, recipe: 'embed' });
    await world.work();
  }
});

const LOADED = `[...document.querySelectorAll('.neighbour img')].some((image) => image.naturalWidth > 0)`;

async function serious(page: Awaited<ReturnType<Browser['newPage']>>): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<{
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  }>('axe.run()');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}
