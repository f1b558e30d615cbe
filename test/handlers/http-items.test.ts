import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { httpWorld } from '../support/http-world.ts';

type World = Awaited<ReturnType<typeof httpWorld>>;

describe('items of a finished batch', () => {
  let world: World;
  let batch: string;
  let passed: string;
  let failed: string;
  const item = async (id: string, rest = '') => await world.get(`/api/batches/${batch}/items/${id}${rest}`);
  const review = (id: string, body: object) => world.post(`/api/batches/${batch}/items/${id}/review`, body);

  beforeEach(async () => {
    world = await httpWorld(['a-second.png', 'b-never.png']);
    batch = (await world.post('/api/batch/start', { prefix: world.photos })).body.batch_id;
    await world.work();
    const { items } = (await world.get(`/api/batches/${batch}/items`)).body;
    passed = items.find((one: { status: string }) => one.status === 'passed').item_id;
    failed = items.find((one: { status: string }) => one.status === 'failed').item_id;
  });

  it('are shown with all that was asked, answered and paid', async () => {
    const { body } = await item(passed);
    expect(body).toMatchObject({ batch_id: batch, name: 'a-second.png', status: 'passed', attempts: 2, take: 0 });
    expect(body.attempts_made.map(({ n, shipped }: { n: number; shipped: boolean }) => [n, shipped])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(body.attempts_made[1].prompt_changes.length).toBeGreaterThan(0);
    expect(body.questions.length).toBeGreaterThan(2);
    expect(body.journal).toHaveLength(body.calls);
    expect(body.journal[0]).toMatchObject({ key: 'describe', adopted: false, files: 1, code: null });
    expect(body.journal[0].prompt.length).toBeGreaterThan(20);
    expect(body.description).toBe(body.journal[0].answer);
  });

  it('give their pictures, and nothing else', async () => {
    const { body } = await item(passed);
    const names = ['thumbnail', 'reference', 'reference-thumbnail', 'candidate-1', 'candidate-2-thumbnail', 'result'];
    expect(Object.keys(body.pictures)).toEqual(expect.arrayContaining(names));
    for (const address of Object.values<string>(body.pictures)) {
      const response = await world.fetch(address);
      expect(response.headers.get('content-type')).toMatch(/^image\/(png|webp)$/);
      expect(response.headers.get('cache-control')).toContain('immutable');
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(50);
    }
    const reference = await world.fetch(body.pictures.reference.replace(/\?.*/, '?v=other'));
    expect(reference.headers.get('cache-control')).toContain('no-cache');
    expect(Buffer.from(await reference.arrayBuffer())).toEqual(readFileSync(join(world.photos, 'a-second.png')));
    for (const picture of [
      'candidate-9',
      'candidate-1-x',
      '..%2f..%2fetc%2fpasswd',
      '%2e%2e',
      'source',
      'candidate-',
    ]) {
      expect((await world.fetch(`/api/batches/${batch}/items/${passed}/pictures/${picture}`)).status).toBeGreaterThan(
        399,
      );
    }
    expect((await world.fetch(`/api/batches/${batch}/items/nowhere/pictures/thumbnail`)).status).toBe(404);
    expect((await world.fetch(`/api/batches/nowhere/items/${passed}/pictures/thumbnail`)).status).toBe(404);
  });

  it('are reviewed, and every export says so', async () => {
    const note = 'The label is wrong, "=1+1" </script><script>alert(1)</script>';
    expect(await review(failed, { decision: 'approved' })).toMatchObject({
      status: 200,
      body: { review: { decision: 'approved', note: '' } },
    });
    await review(passed, { decision: 'rejected', note: ` ${note} ` });
    expect((await item(passed)).body.review).toMatchObject({ decision: 'rejected', note });
    const page = (await world.get(`/api/batches/${batch}/items?reviewed=true&limit=1`)).body;
    expect(page.items).toHaveLength(1);
    expect(page.next_cursor).not.toBeNull();

    const exported = async (format: string) =>
      await (await world.fetch(`/api/batch/report?batch_id=${batch}&format=${format}`)).text();
    expect(JSON.parse(await exported('json')).results.map((row: { review: object }) => row.review)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ decision: 'approved' }),
        expect.objectContaining({ decision: 'rejected', note }),
      ]),
    );
    expect(await exported('jsonl')).toContain('"decision":"rejected"');
    expect(await exported('csv')).toMatch(/,rejected,/);
    expect(await exported('markdown')).toContain('Review: rejected');
    expect(await exported('junit')).toContain('name="review" value="rejected: The label is wrong');
    const script = await world.fetch(`/api/batches/${batch}/files/report/data/reviews.js`);
    expect(script.headers.get('content-type')).toContain('text/javascript');
    const text = await script.text();
    expect(text).toContain(`["${passed}","rejected",`);
    expect(text).not.toContain('</script>');
  });

  it('bear a review until it is taken back, or the item is taken again', async () => {
    await review(passed, { note: 'Fine.' });
    expect((await item(passed)).body.review).toMatchObject({ decision: null, note: 'Fine.' });
    await review(passed, {});
    expect((await item(passed)).body.review).toBeNull();
    await review(failed, { decision: 'rejected' });
    expect(await world.post('/api/batch/resume', { failed: true })).toMatchObject({
      status: 202,
      body: { reopened: 1 },
    });
    expect((await item(failed)).body.review).toBeNull();
    expect(await review(failed, { decision: 'approved' })).toMatchObject({ status: 409 });
    expect(await review('nowhere', { decision: 'approved' })).toMatchObject({ status: 404 });
    for (const wrong of [{ decision: 'maybe' }, { note: 'x'.repeat(1001) }, { approved: true }, { note: 7 }]) {
      expect((await review(passed, wrong)).status).toBe(400);
    }
  });

  it('have their reviews in the files once the report is written again', async () => {
    await review(passed, { decision: 'approved', note: 'Nice.' });
    const file = async () => await (await world.fetch(`/api/batches/${batch}/files/metadata/items.jsonl`)).text();
    expect(await file()).not.toContain('Nice.');
    const { finished_at: finishedAt, seconds } = (await world.get(`/api/batches/${batch}`)).body;
    expect(await world.post('/api/batch/report', { batch_id: batch })).toMatchObject({
      status: 202,
      body: { state: 'running' },
    });
    await world.work();
    expect(await file()).toContain('Nice.');
    expect((await world.get(`/api/batches/${batch}`)).body).toMatchObject({
      ...{ state: 'finished', finished_at: finishedAt, seconds },
    });
    expect((await world.app.batches.get(batch))?.reviewedAt).toBeUndefined();
  });
});

it('says what a start would do, without a call', async () => {
  const { post, photos, get } = await httpWorld(['a-first.png', 'b-first.png', 'c-first.png']);
  const { status, body } = await post('/api/batch/estimate', { prefix: photos });
  expect(status).toBe(200);
  expect(body).toMatchObject({ items: 3, complete: true, models: ['m'], simulated: false });
  expect(body.calls.most).toBeGreaterThan(body.calls.least);
  expect((await post('/api/batch/estimate', { prefix: photos, limit: 2 })).body).toMatchObject({
    items: 2,
    complete: true,
  });
  expect((await post('/api/batch/estimate', { prefix: '/etc' })).status).toBe(400);
  expect((await get('/api/batches')).body.batches).toEqual([]);
});

it('lists the recipes with what can be set', async () => {
  const { get } = await httpWorld([]);
  const { recipes } = (await get('/api/recipes')).body;
  const fidelity = recipes.find(({ name }: { name: string }) => name === 'fidelity');
  expect(fidelity.settings.properties.threshold).toMatchObject({ type: 'number', default: 0.7 });
  expect(recipes.map(({ name }: { name: string }) => name)).toEqual(expect.arrayContaining(['prompt', 'analyze']));
});
