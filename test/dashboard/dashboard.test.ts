import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen } from '../../functions/commands/serve-http.ts';
import type { HttpOptions } from '../../functions/handlers/http.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import { chromiumPath, openBrowser, watchedPage } from '../support/browser.ts';
import { httpWorld } from '../support/http-world.ts';

type World = Awaited<ReturnType<typeof httpWorld>>;

const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
/** How far things have moved by themselves, as browsers measure it; below 0.1 counts as good. */
const WATCH_SHIFTS = `window.shifts = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: 'layout-shift', buffered: true })`;

const executable = chromiumPath();
const reason = executable === undefined ? ' (skipped: no Chromium on this machine)' : '';

describe.skipIf(executable === undefined)(`the dashboard in Chromium${reason}`, () => {
  let browser: Browser;
  /** A finished batch for the tests that only look. */
  let shared: { world: World; url: string; batch: string };
  const ends: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    browser = await openBrowser(executable ?? '');
    const world = await httpWorld(
      ['lamp-first.png', 'lamp-never.png', 'mug-second.png', 'mug-never.png'],
      {},
      (end) => void ends.push(end),
    );
    const { url } = await serve(world, (end) => void ends.push(end));
    const { body } = await world.post('/api/batch/start', { prefix: world.photos, name: NAMED });
    await world.work();
    shared = { world, url, batch: body.batch_id };
  });
  afterAll(async () => {
    await browser?.close();
    for (const end of ends.toReversed()) await end();
  });

  it('lets in who knows the token', async () => {
    await using tidy = tidied();
    const world = await httpWorld([], { token: 'open-sesame' }, tidy.later);
    const { url } = await serve(world, tidy.later);
    const { page, problems } = await open(`${url}/`);
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('That is not the token.').waitFor();
    expect(await seriousFor(page)).toEqual([]);
    await page.getByLabel('Token').fill('open-sesame');
    await page.keyboard.press('Enter');
    await page.getByText('There is no batch yet.').waitFor();
    expect(await seriousFor(page)).toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    // The browser itself writes the refusals of who is not known to the console.
    expect(problems.filter((text) => !text.includes('401'))).toEqual([]);
    await page.context().close();
  });

  it('starts a batch after an estimate and shows it fill up without a reload', async () => {
    await using tidy = tidied();
    const world = await httpWorld(['a-first.png', 'b-second.png', 'c-never.png'], {}, tidy.later);
    const { url } = await serve(world, tidy.later);
    const { page, problems } = await open(`${url}/`);
    await page.getByRole('link', { name: 'Start the first batch' }).click();
    await page.getByText('b-second.png').waitFor();
    expect(await page.getByRole('button', { name: 'Start' }).isDisabled()).toBe(true);
    await page.getByLabel('Name').fill('Three things');
    await page.getByRole('button', { name: 'Estimate' }).click();
    await page.locator('.estimate .figure', { hasText: '3 items' }).waitFor();
    await page.getByLabel('b-second.png').uncheck();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.waitForURL(/\/batches\//);
    await page.evaluate(WATCH_SHIFTS);
    await page.evaluate('window.kept = true');
    await page.locator('.summary').waitFor();
    await world.work(1);
    await page.locator('#list .chip-queued').nth(2).waitFor();
    await world.work(1);
    await page.locator('#list .chip-passed').first().waitFor();
    await page.locator('.outcome-line', { hasText: '1 of 3 items' }).waitFor();
    expect(await page.locator('#list li', { hasText: 'a-first.png' }).locator('.score b').textContent()).toBe('1.00');
    await page.locator('#list li', { hasText: 'a-first.png' }).locator('img').nth(1).waitFor();
    await world.work();
    await page.locator('.title .chip', { hasText: 'finished' }).waitFor();
    await page.locator('.figure b', { hasText: '67 %' }).waitFor();
    await page.locator('#list .chip-failed').waitFor();
    expect(await page.locator('.panels h2').allTextContents()).toHaveLength(4);
    expect(await page.evaluate('window.kept')).toBe(true);
    expect(await page.evaluate('window.shifts')).toBeLessThan(0.1);
    await page.getByRole('link', { name: 'Open the report' }).click();
    await page.locator('#list .name').first().waitFor();
    expect(await page.locator('.figure b').textContent()).toBe('67 %');
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('comes back by itself after the server was away', async () => {
    await using tidy = tidied();
    const world = await httpWorld(['a-first.png', 'b-first.png'], {}, tidy.later);
    const first = await serve(world);
    const { body } = await world.post('/api/batch/start', { prefix: world.photos });
    await world.work(2);
    const { page } = await open(`${first.url}/batches/${body.batch_id}`);
    await page.evaluate('window.kept = true');
    await page.locator('#list .chip-passed').waitFor();
    await first.close();
    await page.getByText('The connection is lost').waitFor();
    await world.work();
    await serve(world, tidy.later, Number(new URL(first.url).port));
    await page.locator('.title .chip', { hasText: 'finished' }).waitFor();
    await page.locator('#list .chip-passed').nth(1).waitFor();
    expect(await page.getByText('The connection is lost').isVisible()).toBe(false);
    expect(await page.evaluate('window.kept')).toBe(true);
    await page.context().close();
  });

  it('cancels and resumes a batch, and takes failed items again', async () => {
    await using tidy = tidied();
    const world = await httpWorld(['a-never.png', 'b-first.png'], {}, tidy.later);
    const { url } = await serve(world, tidy.later);
    const { body } = await world.post('/api/batch/start', { prefix: world.photos });
    await world.work(2);
    const { page, problems } = await open(`${url}/batches/${body.batch_id}`);
    const state = (text: string) => page.locator('.title .chip', { hasText: text }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await seriousFor(page)).toEqual([]);
    await page.getByRole('button', { name: 'Cancel the batch' }).click();
    await state('cancelling');
    await world.work();
    await state('cancelled');
    await page.locator('#list .chip-cancelled').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await state('running');
    await world.work();
    await state('finished');
    await page.getByRole('button', { name: 'Retry 1 failed' }).click();
    await page.getByRole('button', { name: 'Retry them' }).click();
    await state('running');
    await page.locator('#list .chip-queued').waitFor();
    await world.work();
    await state('finished');
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('raises the ceiling of a batch that has spent what it may', async () => {
    await using tidy = tidied();
    const world = await httpWorld(['a-first.png'], {}, tidy.later);
    const { url } = await serve(world, tidy.later);
    const { body } = await world.post('/api/batch/start', { prefix: world.photos, max_spend_usd: 0 });
    await world.work(2);
    const { page, problems } = await open(`${url}/batches/${body.batch_id}`);
    await page.getByText('Paused: The spend ceiling').waitFor();
    await page.getByRole('button', { name: 'Raise the ceiling' }).click();
    await page.getByLabel('US dollars').fill('5');
    await page.getByRole('button', { name: 'Raise it and resume' }).click();
    await page.locator('.title .chip', { hasText: 'running' }).waitFor();
    await page.locator('.tile', { hasText: 'of $5.00 at most' }).waitFor();
    await world.work();
    await page.locator('.title .chip', { hasText: 'finished' }).waitFor();
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('is searched, filtered and reviewed by the keyboard alone', async () => {
    const { world, url, batch } = shared;
    const { page, problems } = await open(`${url}/batches/${batch}`);
    await page.locator('#list .name').nth(3).waitFor();
    expect(await page.locator('.title bdi').textContent()).toBe(NAMED);
    await page.locator('[name=state][value=failed]').check();
    expect(await page.locator('#list .name').allTextContents()).toEqual(['lamp-never.png', 'mug-never.png']);
    await page.keyboard.press('/');
    await page.keyboard.type('mug');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await page.locator('.strip .attempt').nth(2).waitFor();
    expect(await page.locator('#viewer-name').textContent()).toBe('mug-never.png');
    expect(await page.locator('.strip .reference img').count()).toBe(1);
    expect(await page.locator('.prompt mark').first().textContent()).toContain('must be');
    expect(await page.locator('.journal > li').count()).toBe(9);
    await page.keyboard.press('r');
    await page.locator('.viewer-title .chip-rejected').waitFor();
    await page.keyboard.press('n');
    await page.keyboard.type('handle is missing');
    await page.keyboard.press('Enter');
    await page.getByText('Note saved').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    await page.locator('#list .chip-rejected').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.press('Escape');
    await page.keyboard.type('lamp');
    await page.keyboard.press('Enter');
    await page.keyboard.press('a');
    await page.locator('#list .chip-approved').waitFor();
    await page.reload();
    await page.locator('#list .chip-rejected').waitFor();
    await page.locator('#search').fill('handle is missing');
    expect(await page.locator('#list .name').allTextContents()).toEqual(['mug-never.png']);
    const { items } = (await world.get(`/api/batches/${batch}/items?reviewed=true`)).body;
    expect(items.map(({ review }: { review: { decision: string } }) => review.decision).sort()).toEqual([
      ...['approved', 'rejected'],
    ]);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('shows 10,000 items without drawing them all, and nothing jumps', async () => {
    await using tidy = tidied();
    const world = await httpWorld(['a.png'], {}, tidy.later);
    const { url } = await serve(world, tidy.later);
    const id = (await world.post('/api/batch/start', { prefix: world.photos })).body.batch_id;
    for (let start = 0; start < 10_000; start += 1000) {
      const names = Array.from({ length: 1000 }, (_, n) => `item-${String(start + n).padStart(5, '0')}.png`);
      await world.app.batches.addItems(id, names.map(inputNamed));
    }
    const { page, problems } = await open(`${url}/batches/${id}`);
    await page.locator('[name=state][value=""] + span', { hasText: '10,000' }).waitFor();
    await page.locator('#list li').first().waitFor();
    await expect
      .poll(() => page.evaluate('document.getElementById("list").offsetHeight'), { timeout: 20_000 })
      .toBeGreaterThan(590_000);
    const seen = (await page.evaluate(SCROLL)) as { most: number; blank: number; heights: number; middle: number };
    expect(seen.most).toBeLessThan(120);
    expect([seen.blank, seen.heights]).toEqual([0, 1]);
    expect(seen.middle).toBeLessThan(100);
    await page.locator('#search').fill('item-09876');
    await expect.poll(() => page.locator('#list li').count()).toBe(1);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('has nothing serious for axe in %s colours', async (colorScheme) => {
    const { url, batch } = shared;
    const { page, problems } = await open(`${url}/`, { colorScheme });
    // Only colours are others in the dark.
    const rules = colorScheme === 'light' ? undefined : ['color-contrast'];
    await page.locator('.batch-facts').first().waitFor();
    expect(await seriousFor(page, rules)).toEqual([]);
    await page.goto(`${url}/start`);
    await page.locator('.place-list').waitFor();
    await page.getByRole('button', { name: 'Estimate' }).click();
    await page.locator('.estimate .figure').waitFor();
    expect(await seriousFor(page, rules)).toEqual([]);
    await page.goto(`${url}/batches/${batch}`);
    await page.locator('#list li').first().waitFor();
    await page.locator('.chart').first().waitFor();
    expect(await seriousFor(page, rules)).toEqual([]);
    await page.locator('#list a').first().click();
    await page.locator('.review-bar').waitFor();
    expect(await seriousFor(page, rules)).toEqual([]);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('fits narrow windows', async () => {
    const { url, batch } = shared;
    const { page } = await open(`${url}/`);
    for (const [path, there] of [
      ['/', '.batch-facts'],
      ['/start', '.place-list'],
      [`/batches/${batch}`, '#list li'],
      ['/batches/none', '.failure'],
    ] as const) {
      await page.goto(url + path);
      await page.locator(there).first().waitFor();
      for (const width of [320, 400, 800]) {
        await page.setViewportSize({ width, height: 800 });
        expect(await page.evaluate(OVERFLOW), `${path} at ${width}`).toBe(0);
      }
    }
    await page.context().close();
  });

  /** Opens a page; gives what went wrong on the way, which must stay empty. */
  async function open(url: string, options: BrowserContextOptions = {}): Promise<{ page: Page; problems: string[] }> {
    const { page, problems } = await watchedPage(browser, options);
    await page.goto(url);
    return { page, problems };
  }
});

/** A name that would do something if it were ever read as markup. */
const NAMED = '<img src=x onerror=alert(1)> & lamps';

/** Scrolls through the list in steps, each in a frame of its own; tells what stood in the window. */
const SCROLL = `(async () => {
  const list = document.getElementById('list');
  const seen = { most: 0, blank: 0, heights: new Set(), took: [] };
  for (let step = 0; step < 60; step += 1) {
    const began = performance.now();
    scrollBy(0, 700 * (1 + step));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    seen.took.push(performance.now() - began);
    const drawn = list.querySelectorAll('li');
    seen.most = Math.max(seen.most, drawn.length);
    const inWindow = document.elementsFromPoint(innerWidth / 2, innerHeight / 2);
    if (step < 50 && !inWindow.some((one) => one.closest('#list'))) seen.blank += 1;
    seen.heights.add(document.documentElement.scrollHeight);
  }
  return { ...seen, heights: seen.heights.size, middle: seen.took.sort((a, b) => a - b)[30] };
})()`;

function inputNamed(name: string) {
  const [source, contentHash] = [`/shop/${name}`, name];
  return { id: sha256(name).slice(0, 20), name, source, metadata: {}, contentHash, workKey: name };
}

/** What axe finds to be serious, by all of its rules or some. */
async function seriousFor(page: Page, rules?: string[]): Promise<string[]> {
  await page.evaluate(axe.source);
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules && { runOnly: rules }) });
  const { violations } = (await page.evaluate(`axe.run(document, ${options})`)) as {
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
}

/** The API of a world behind a port; `close` ends the server alone. */
async function serve(world: World, atEnd: (end: () => Promise<void>) => void = () => undefined, port = 0) {
  const stop = new AbortController();
  const options: Omit<HttpOptions, 'version' | 'hosts'> = world.options;
  const server = await listen({ ...world.app, stop: stop.signal }, { host: '127.0.0.1', port }, options);
  const close = async () => {
    stop.abort();
    await server.untilClosed();
  };
  atEnd(close);
  return { url: server.url, close };
}

/** Ends, the last first, of what a test has opened. */
function tidied() {
  const opened: (() => Promise<void>)[] = [];
  return {
    later: (end: () => Promise<void>) => void opened.push(end),
    async [Symbol.asyncDispose]() {
      for (const end of opened.toReversed()) await end();
    },
  };
}
