import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../functions/domain/batch.ts';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import type { Files } from '../../functions/platform/ports.ts';
import { buildReport } from '../../functions/report/build-report.ts';
import type { ReportItem } from '../../functions/report/item-row.ts';
import { writeItemOutputs } from '../../functions/report/outputs.ts';
import { answeredItem } from '../support/answer-fixtures.ts';
import { chromiumPath, openBrowser, watchedPage } from '../support/browser.ts';
import {
  countsOf,
  drawProducts,
  HOSTILE,
  hostileItem,
  NOW,
  type Product,
  syntheticBatch,
  syntheticItem,
  syntheticItems,
} from '../support/report-fixtures.ts';

const PICTURES_LOADED =
  'Array.from(document.querySelectorAll(".strip img")).every((image) => image.complete && image.naturalWidth > 0)';

const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const VIEWER_OVERFLOW = 'document.getElementById("viewer").scrollWidth - document.getElementById("viewer").clientWidth';

const executable = chromiumPath();
const reason = executable === undefined ? ' (skipped: no Chromium on this machine)' : '';

describe.skipIf(executable === undefined)(`the page in Chromium${reason}`, () => {
  let root: string;
  let files: Files;
  let products: Product[];
  let browser: Browser;
  const reports: Record<string, string> = {};

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'proofsheet-page-'));
    files = diskFiles({ home: join(root, 'home') });
    products = await drawProducts(files, 12);
    browser = await openBrowser(executable ?? '');
    const catalogue = batchIn('catalogue', { simulated: true });
    await report(catalogue, [...syntheticItems(catalogue, 60, products)], true);
    const answers = batchIn('answers', { recipe: 'analyze', groupBy: 'post' });
    await report(answers, answered(answers, products), true);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(root, { recursive: true, force: true });
  });

  function answered(batch: Batch, [product, other]: Product[]): ReportItem[] {
    const value = {
      title: HOSTILE,
      colours: ['red', 'blue'],
      size: { width: 3 },
      parts: [{ kind: 'lid' }],
      brand: null,
    };
    const about = (one: Product | undefined) => (one ? { product: one } : {});
    return [
      answeredItem(batch, 1, { ...about(product), metadata: { post: 'p1' }, result: { kind: 'json', value } }),
      answeredItem(batch, 2, { name: 'notes.txt', result: { kind: 'text', text: 'Two lines\nof text.' } }),
      answeredItem(batch, 3, { ...about(other), metadata: { post: 'p1' } }),
    ];
  }

  function batchIn(name: string, changes: Partial<Batch> = {}): Batch {
    return syntheticBatch(join(root, name), { name, ...changes });
  }

  async function report(batch: Batch, entries: ReportItem[], outputs = false): Promise<string> {
    for (const { item, detail } of outputs ? entries : []) {
      if (item.summary === undefined || detail === undefined) continue;
      await writeItemOutputs(files, batch, item, { state: item.state as 'passed', summary: item.summary, detail });
    }
    async function* items() {
      yield* entries;
    }
    const built = await buildReport({ files, batch, counts: countsOf(entries), items: items(), now: NOW });
    reports[batch.name] = built.report;
    return built.report;
  }

  /** Opens a report; gives what went wrong on the way, which must stay empty. */
  async function open(name: string, options: BrowserContextOptions = {}): Promise<{ page: Page; problems: string[] }> {
    const { page, problems } = await watchedPage(browser, options);
    page.on('requestfailed', (request) => problems.push(`failed ${request.url()}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(pathToFileURL(root).href)) problems.push(`request ${request.url()}`);
    });
    await page.goto(pathToFileURL(reports[name] ?? '').href);
    return { page, problems };
  }

  const names = (page: Page) => page.locator('#list .name').allTextContents();

  it('shows the summary and the worst items first', async () => {
    const { page, problems } = await open('catalogue');
    expect(await page.locator('.simulated').textContent()).toBe('Simulated');
    expect(await page.locator('.figure b').textContent()).toBe('78 %');
    expect(await page.locator('#list .chip').first().textContent()).toBe('error');
    await page.locator('#sort').selectOption('best');
    expect(await page.locator('#list .score b').first().textContent()).toBe('0.99');
    await page.locator('#sort').selectOption('name');
    const shown = await names(page);
    expect(shown).toEqual(shown.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })));
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('filters by state, reason and text', async () => {
    const { page } = await open('catalogue');
    await page.locator('[name=state][value=failed]').check();
    expect(new Set(await page.locator('#list .chip').allTextContents())).toEqual(new Set(['failed']));
    expect(await page.locator('#shown').textContent()).toBe('8 of 60 shown');
    await page.locator('[name=state]').first().check();
    await page.locator('[data-reason=image_safety]').click();
    expect(await page.locator('#shown').textContent()).toBe('3 of 60 shown');
    await page.locator('[data-reason=image_safety]').click();
    await page.locator('#search').fill('GLASS-bottle-002');
    expect(await names(page)).toEqual(['forest-glass-bottle-002.jpg']);
    await page.locator('#search').fill('nothing of that name');
    expect(await page.locator('#empty').isVisible()).toBe(true);
    await page.locator('#search').press('Escape');
    expect(await page.locator('#shown').textContent()).toBe('');
    await page.context().close();
  });

  it('is worked by keyboard alone', async () => {
    const { page, problems } = await open('catalogue');
    await page.keyboard.press('/');
    await page.keyboard.type('loafer');
    await page.keyboard.press('Escape');
    await page.keyboard.type('attempts scored');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const second = (await names(page))[1];
    expect(await page.locator('#list a:focus .name').textContent()).toBe(second);
    await page.keyboard.press('Enter');
    await page.locator('.strip .attempt').first().waitFor();
    expect(await page.locator('#viewer-name').textContent()).toBe(second);
    expect(page.url()).toContain('#item=');
    expect(await page.locator('.attempt .tag').allTextContents()).toEqual(['best']);
    expect(await page.locator('.attempt').first().locator('.verdict').first().getAttribute('class')).toContain('fail');
    expect(await page.locator('mark').first().textContent()).toContain('Keep the product exactly');
    await page.keyboard.press('ArrowRight');
    const third = (await names(page))[2];
    await page.locator('#viewer-name', { hasText: third ?? '' }).waitFor();
    await page.locator('.strip .attempt img').first().waitFor();
    await page.keyboard.press('Escape');
    expect(await page.locator('#viewer').isVisible()).toBe(false);
    await page.waitForURL((url) => !url.hash.includes('item='));
    expect(await page.locator('#list a:focus .name').textContent()).toBe(third);
    await page.keyboard.press('End');
    expect(await page.locator('#list a:focus .name').textContent()).toBe((await names(page)).at(-1));
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('opens the item of its address and follows the back button', async () => {
    const { page, problems } = await open('catalogue');
    await page.locator('#list a').nth(5).click();
    const url = page.url();
    const name = await page.locator('#viewer-name').textContent();
    await page.goBack();
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    await page.goto('about:blank');
    problems.length = 0;
    await page.goto(url);
    await page.locator('.strip .reference img').waitFor();
    expect(await page.locator('#viewer-name').textContent()).toBe(name);
    await page.waitForFunction(PICTURES_LOADED);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('shows answers in words and JSON, and their groups', async () => {
    const { page, problems } = await open('answers');
    expect(await page.locator('.panels h2, .tiles dt').allTextContents()).toEqual([
      ...['Model calls', 'Cost', 'Time', 'Throughput', 'Items and cost over time', 'Reasons'],
    ]);
    expect(await page.locator('.groups tbody tr').count()).toBe(1);
    expect(await page.locator('.groups tbody').textContent()).toContain('colours: red, blue');
    await page.locator('#sort').selectOption('name');
    expect(await names(page)).toEqual(['item-1.jpg', 'item-3.jpg', 'notes.txt']);
    expect(await page.locator('#list .why').last().textContent()).toBe('Two lines\nof text.');
    expect(await page.locator('#list .ending').textContent()).toBe('TXT');
    expect(await page.locator('#list .frame').count()).toBe(3);
    await page.locator('[name=view][value=sheet]').check();
    const [entry, name] = [page.locator('#list li').first(), page.locator('#list .name').first()];
    const [outer, inner] = [await entry.boundingBox(), await name.boundingBox()];
    expect((inner?.y ?? 0) + (inner?.height ?? 0)).toBeLessThan((outer?.y ?? 0) + (outer?.height ?? 0));
    await page.locator('#list a').first().click();
    await page.locator('.members').first().waitFor();
    expect(await page.locator('.members').first().locator('> tbody > tr > th').allTextContents()).toEqual([
      ...['title', 'colours', 'size', 'parts', 'brand'],
    ]);
    expect(await page.locator('.members .word').allTextContents()).toEqual(['red', 'blue']);
    expect(await page.locator('.subject img').count()).toBe(1);
    await page.keyboard.press('ArrowRight');
    await page.locator('#viewer-name', { hasText: 'item-3.jpg' }).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.locator('.viewer-section p.text').waitFor();
    expect(await page.locator('.viewer-section p.text').textContent()).toBe('Two lines\nof text.');
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('shows hostile names and texts as text', async () => {
    const batch = batchIn('hostile');
    await report({ ...batch, simulated: true }, [hostileItem(batch, `${HOSTILE} #50% ?`, products[0])], true);
    const { page, problems } = await open('hostile');
    const visible = `${HOSTILE} #50% ?`.replace('\u202e', '').replace('\u0007', '');
    expect(await page.locator('#list .name').textContent()).toBe(visible.replaceAll('/', '_'));
    await page.locator('#list a').click();
    await page.locator('.verdict').first().waitFor();
    expect(await page.locator('.evidence').first().textContent()).toBe(visible);
    expect(await page.locator('#list .chip').allTextContents()).toEqual(['failed', 'rejected']);
    expect(await page.locator('.review bdi').textContent()).toBe(visible);
    await page.waitForFunction(PICTURES_LOADED);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it.each([320, 400, 800, 1600])('fits answers into a window of %i pixels', async (width) => {
    const { page } = await open('answers', { viewport: { width, height: 800 } });
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    await page.locator('#sort').selectOption('name');
    await page.locator('#list a').first().click();
    await page.locator('.members').first().waitFor();
    expect(await page.evaluate(VIEWER_OVERFLOW)).toBe(0);
    await page.context().close();
  });

  it.each([320, 400, 800, 1600])('fits a window of %i pixels', async (width) => {
    const { page } = await open('catalogue', { viewport: { width, height: 800 } });
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    for (const pick of await page.locator('.pick select').all()) {
      expect((await pick.boundingBox())?.width, 'width of a select').toBeGreaterThan(110);
    }
    await page.locator('[name=view][value=sheet]').check();
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    await page.locator('#list a').first().click();
    await page.locator('.strip').waitFor();
    expect(await page.evaluate(VIEWER_OVERFLOW)).toBe(0);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('has nothing serious for axe in %s colours', async (colorScheme) => {
    const { page } = await open('catalogue', { colorScheme });
    const check = async () => {
      await page.evaluate(axe.source);
      const { violations } = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as {
        violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
      };
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
    };
    expect(await check()).toEqual([]);
    await page.locator('#sort').selectOption('attempts');
    await page.locator('[name=view][value=sheet]').check();
    expect(await check()).toEqual([]);
    await page.locator('#list a').first().click();
    await page.locator('.strip .attempt').first().waitFor();
    expect(await check()).toEqual([]);
    await page.goto(pathToFileURL(reports.answers ?? '').href);
    expect(await check()).toEqual([]);
    await page.locator('#list a').last().click();
    await page.locator('.viewer-section').first().waitFor();
    expect(await check()).toEqual([]);
    await page.context().close();
  });

  it('takes its colours from the system', async () => {
    const background = 'getComputedStyle(document.body).backgroundColor';
    const light = await open('catalogue', { colorScheme: 'light' });
    const dark = await open('catalogue', { colorScheme: 'dark' });
    expect(await light.page.evaluate(background)).not.toBe(await dark.page.evaluate(background));
    await Promise.all([light.page.context().close(), dark.page.context().close()]);
  });

  it('prints every row', async () => {
    const { page } = await open('catalogue');
    await page.evaluate('dispatchEvent(new Event("beforeprint"))');
    await page.evaluate('dispatchEvent(new Event("resize"))');
    expect(await page.locator('#list li').count()).toBe(60);
    expect(await page.locator('#list.printed').count()).toBe(1);
    await page.evaluate('dispatchEvent(new Event("afterprint"))');
    expect(await page.locator('#list.printed').count()).toBe(0);
    await page.context().close();
  });

  it('makes sense with no item, one item and nothing but errors', async () => {
    await report(batchIn('none'), []);
    const one = batchIn('one');
    await report(one, [...syntheticItems(one, 1, products)], true);
    const errors = batchIn('errors');
    const end = { state: 'error', scores: [], code: 'auth_failed', message: 'The key was refused.' } as const;
    const broken = products.map((product, n) => syntheticItem(errors, n, product, { ...end, scores: [] }));
    await report(errors, broken, true);
    const none = await open('none');
    expect(await none.page.locator('#empty').textContent()).toBe('This batch has no items.');
    expect(await none.page.locator('.figure b').textContent()).toBe('–');
    const single = await open('one');
    expect(await single.page.locator('.figure b').textContent()).toBe('100 %');
    expect(await single.page.locator('#list li').count()).toBe(1);
    const bad = await open('errors');
    expect(await bad.page.locator('.figure b').textContent()).toBe('0.0 %');
    expect(await bad.page.locator('.reasons .number').textContent()).toBe('12');
    for (const { page, problems } of [none, single, bad]) {
      expect(problems).toEqual([]);
      await page.context().close();
    }
  });

  it('draws only what is near of 10,000 items', async () => {
    const batch = batchIn('large');
    const entries = [...syntheticItems(batch, 10_000, products)];
    for (const [n, product] of products.entries()) {
      const { item, detail } = syntheticItem(batch, n, product, {
        state: 'passed',
        scores: [0.1, 0.2, 0.9],
        message: '',
      });
      if (item.summary && detail)
        await writeItemOutputs(files, batch, item, { state: 'passed', summary: item.summary, detail });
    }
    await report(batch, entries);
    const { page, problems } = await open('large');
    await page.waitForFunction('document.querySelectorAll("#list li").length > 5');
    expect(await page.locator('#list li').count()).toBeLessThan(60);
    await page.locator('#list a').first().focus();
    await page.keyboard.press('End');
    expect(await page.locator('#list a:focus').count()).toBe(1);
    expect(await page.locator('#list li:has(a:focus)').getAttribute('aria-posinset')).toBe('10000');
    await page.evaluate('dispatchEvent(new Event("beforeprint"))');
    expect(await page.locator('#list li').count()).toBe(2000);
    await page.evaluate('dispatchEvent(new Event("afterprint"))');
    expect(await page.locator('#list li').count()).toBeLessThan(60);
    await page.locator('#search').fill('bud-vase-9997');
    expect(await page.locator('#list li').count()).toBeLessThan(3);
    expect(problems).toEqual([]);
    await page.context().close();
  });
});
