import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bucketPlace } from '../../functions/handlers/http-start.ts';
import { httpWorld } from '../support/http-world.ts';

describe('start', () => {
  it('starts a batch and says where to look', async () => {
    const { post, photos } = await httpWorld(['a-first.png', 'b-first.png', 'notes.txt']);
    const { status, body } = await post('/api/batch/start', { prefix: photos, run_all: true, name: 'Autumn' });
    expect(status).toBe(202);
    expect(body).toEqual({
      batch_id: expect.stringMatching(/^\d{8}-\d{6}-\w{4}$/),
      image_count: 2,
      simulated: false,
      status_url: `http://localhost/api/batch/status?batch_id=${body.batch_id}`,
      report_url: `http://localhost/api/batch/report?batch_id=${body.batch_id}`,
    });
  });

  it('takes single images', async () => {
    const { post, photos, work, get } = await httpWorld(['a-first.png', 'b-first.png', 'c-first.png']);
    const uris = [join(photos, 'a-first.png'), join(photos, 'c-first.png'), join(photos, 'a-first.png')];
    expect(await post('/api/batch/start', { image_uris: uris })).toMatchObject({
      status: 202,
      body: { image_count: 2 },
    });
    await work();
    expect((await get('/api/batch/status')).body).toMatchObject({ state: 'finished', counts: { total: 2, passed: 2 } });
  });

  it('takes a manifest, whose rows lead to no place that may not be read', async () => {
    const { post, photos, work, get } = await httpWorld(['a-first.png']);
    const manifest = join(photos, 'catalog.json');
    writeFileSync(manifest, JSON.stringify([{ path: 'a-first.png', sku: 'A' }, '/etc/hostname.png', '../home/x.png']));
    const started = await post('/api/batch/start', { image_uris: [manifest] });
    expect(started).toMatchObject({ status: 202, body: { image_count: 3 } });
    await work();
    const { body } = await get(`/api/batches/${started.body.batch_id}/items`);
    const items: { name: string; status: string; message: string }[] = body.items;
    expect(items.map(({ name, status }) => [name, status]).sort()).toEqual([
      ['A.png', 'passed'],
      ['catalog.json line 1', 'skipped'],
      [expect.stringMatching(/^catalog\.json line 1-[0-9a-f]{6}$/), 'skipped'],
    ]);
    for (const { message } of items.filter(({ status }) => status === 'skipped')) {
      expect(message).toContain(`is outside of ${photos}`);
    }
  });

  it('lets only as many batches run as may, also of those that are started at once', async () => {
    const { post, photos, work } = await httpWorld(['a/1-first.png', 'b/1-first.png', 'c/1-first.png']);
    const answers = await Promise.all(
      ['a', 'b', 'c', 'a'].map((folder) => post('/api/batch/start', { prefix: join(photos, folder) })),
    );
    const [started, ...others] = answers.filter(({ status }) => status === 202);
    expect(others).toEqual([]);
    for (const { body } of answers.filter(({ status }) => status !== 202)) {
      expect(body.error).toMatchObject({ code: 'batch_running', batch_id: started?.body.batch_id });
    }
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409]);
    await work();
    expect((await post('/api/batch/start', { prefix: join(photos, 'c') })).status).toBe(202);
  });

  it.each([
    ['nothing to work on', {}, /prefix/],
    ['two ways to name it', { prefix: '/p', image_uris: ['/p/a'] }, /not both/],
    ['a place that may not be read', { prefix: '/etc' }, /\/etc/],
    ['one such place among others', { image_uris: ['PHOTOS/a-first.png', '/etc/passwd'] }, /\/etc\/passwd/],
    ['a place that is not there', { prefix: 'PHOTOS/nowhere' }, /nowhere/],
    ['a member that nobody knows', { prefix: 'PHOTOS', max_spent: 3 }, /max_spent/],
    ['a recipe that is not there', { prefix: 'PHOTOS', recipe: 'bake' }, /bake/],
    ['settings that do not fit', { prefix: 'PHOTOS', settings: { threshold: 7 } }, /threshold/],
    [
      'a judge that cannot be asked',
      { prefix: 'PHOTOS', settings: { judge: 'gecko_text2image_v1' } },
      /needs Vertex AI/,
    ],
    ['no text', '{', /no JSON/],
    ['a list', '[]', /body/],
  ])('refuses %s', async (_, body, reason) => {
    const { post, photos } = await httpWorld(['a-first.png']);
    const answer = await post('/api/batch/start', JSON.parse(JSON.stringify(body).replaceAll('PHOTOS', photos)));
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: 'usage', message: expect.stringMatching(reason) } },
    });
    expect(answer.body.error.problems.join()).toMatch(reason);
  });

  it('refuses a body that is too large', async () => {
    const { post } = await httpWorld([]);
    expect((await post('/api/batch/start', { name: 'x'.repeat(600_000) })).status).toBe(413);
  });
});

describe('a batch', () => {
  it('shows what it comes to', async () => {
    const { post, get, photos, work } = await httpWorld(['a-first.png', 'b-never.png']);
    const { body: started } = await post('/api/batch/start', { prefix: photos });
    expect((await get('/api/batch/report')).status).toBe(404);
    await work();
    const id = started.batch_id;
    const snapshot = (await get(`/api/batch/status?batch_id=${id}`)).body;
    expect(snapshot).toMatchObject({
      batch_id: id,
      state: 'finished',
      counts: { passed: 1, failed: 1 },
      listed: true,
      queued: 0,
    });
    expect(snapshot.items).toContainEqual(
      expect.objectContaining({ sku: 'a-first.png', status: 'passed', score: 1, attempt: 1 }),
    );
    expect((await get('/api/batches')).body).toMatchObject({ batches: [{ batch_id: id }], next_cursor: null });
    expect((await get(`/api/batches/${id}`)).body).toMatchObject({ batch_id: id, state: 'finished' });
    const first = (await get(`/api/batches/${id}/items?limit=1`)).body;
    const second = (await get(`/api/batches/${id}/items?limit=1&cursor=${first.next_cursor}`)).body;
    expect([...first.items, ...second.items].map((row) => row.name).sort()).toEqual(['a-first.png', 'b-never.png']);
    expect((await get(`/api/batches/${id}/items?state=failed`)).body.items).toHaveLength(1);
    expect((await get(`/api/batches/${id}/items?state=lost`)).status).toBe(400);
  });

  it('gives its report in every format, and the files beside it', async () => {
    const { post, fetch, photos, work } = await httpWorld(['a-first.png']);
    const { body: started } = await post('/api/batch/start', { prefix: photos });
    await work();
    const page = await fetch('/api/batch/report');
    expect(page.status).toBe(302);
    const place = page.headers.get('location') ?? '';
    const html = await (await fetch(place)).text();
    expect(html).toContain(`proofsheet`);
    for (const [, name] of html.matchAll(/(?:src|href)="(report\/[^"]+)"/g)) {
      const file = await fetch(new URL(name ?? '', `http://localhost${place}`).pathname);
      expect({ name, status: file.status }).toEqual({ name, status: 200 });
    }
    for (const [format, type] of [
      ['json', 'application/json'],
      ['csv', 'text/csv'],
      ['markdown', 'text/markdown'],
      ['junit', 'application/xml'],
    ]) {
      const answer = await fetch(`/api/batch/report?format=${format}&batch_id=${started.batch_id}`);
      expect(answer.headers.get('content-type')).toContain(type);
      expect((await answer.text()).length).toBeGreaterThan(50);
    }
    for (const path of ['no-such-file', '%2e%2e/secret', '..%2f..%2fetc%2fpasswd', '/etc/passwd']) {
      expect((await fetch(`/api/batches/${started.batch_id}/files/${path}`)).status).toBeGreaterThanOrEqual(400);
    }
  });

  it('is cancelled and resumed', async () => {
    const { post, photos, work } = await httpWorld(['a-first.png']);
    const { body: started } = await post('/api/batch/start', { prefix: photos });
    const { batch_id: id } = started;
    expect(await post('/api/batch/cancel', {})).toMatchObject({
      status: 202,
      body: { batch_id: id, cancel_requested: true },
    });
    await work();
    expect(await post('/api/batch/cancel', { batch_id: id })).toMatchObject({
      status: 409,
      body: { error: { code: 'wrong_state' } },
    });
    expect(await post('/api/batch/resume', { batch_id: id })).toMatchObject({
      status: 202,
      body: { batch_id: id, state: 'running' },
    });
    await work();
    expect(await post('/api/batch/cancel', { batch_id: 'no-such-batch' })).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found' } },
    });
  });
});

describe('every route but /healthz', () => {
  it('asks for the token, if there is one', async () => {
    const { fetch } = await httpWorld([], { token: 'secret-1' });
    expect((await fetch('/healthz')).status).toBe(200);
    for (const authorization of [undefined, 'Bearer secret-2', 'Bearer secret-1x', 'Basic c2VjcmV0LTE=', 'secret-1']) {
      const answer = await fetch('/api/batches', authorization === undefined ? {} : { headers: { authorization } });
      expect([400, 401]).toContain(answer.status);
      expect(await answer.json()).toMatchObject({ error: { code: 'auth_failed' } });
    }
    expect((await fetch('/api/batches', { headers: { authorization: 'Bearer secret-1' } })).status).toBe(200);
    expect((await fetch('/nowhere')).status).toBe(401);
  });

  it('answers errors in one shape', async () => {
    const { get } = await httpWorld([]);
    expect(await get('/nowhere')).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found', message: expect.any(String) } },
    });
    expect(await get('/api/batch/status')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });
});

it('reads only buckets that are allowed', () => {
  const allowed = ['inbox', 'more'];
  for (const uri of ['gs://inbox', 'gs://inbox/', 'gs://more/a/b.png'])
    expect(bucketPlace(uri, allowed)).toEqual({ place: uri });
  for (const uri of [
    'gs://other/a',
    'gs://inbox-2/a',
    'gs://',
    'gs:///a',
    '/etc',
    'https://inbox/a',
    'gs://in*/a',
    ' gs://inbox/a',
  ]) {
    expect(bucketPlace(uri, allowed)).toMatchObject({ problem: expect.stringContaining('gs://inbox, gs://more') });
  }
});
