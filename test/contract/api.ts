import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiClient, apiClient } from '../support/api-client.ts';
import { photoNames } from '../support/cli.ts';
import type { StreamEvent } from '../support/event-stream.ts';
import { endOf } from '../support/fidelity-responder.ts';
import { rawRequest } from '../support/raw-request.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** A server with the HTTP API that works batches off, asks for a token and lets one batch run at a time. */
export interface ApiSubject {
  url: string;
  token: string;
  /** Puts photos into a folder that may be read; gives its name for a start. */
  photos(folder: string, names: readonly string[]): Promise<string>;
  /** Calls of models wait from `hold` until `release`. */
  hold(): void;
  release(): void;
  /** Calls that were answered and would be billed. */
  paid(): number;
  /** How many watch one batch at once. */
  watchers: number;
  close(): Promise<void>;
}

/** What every server with the HTTP API does. */
export function apiContract(open: () => Promise<ApiSubject>): void {
  let subject: ApiSubject;
  let api: ApiClient;
  beforeAll(async () => {
    subject = await open();
    api = await apiClient(subject.url, subject.token);
  });
  afterAll(() => subject?.close());

  const names = photoNames(12);
  /** The batch that most of this is about, and what somebody who saw all of it was told. */
  let batch: string;
  let told: StreamEvent[];

  async function start(folder: string, photos: readonly string[], more: object = {}): Promise<string> {
    const prefix = await subject.photos(folder, photos);
    const answer = await api.post('/api/batch/start', { prefix, ...more });
    expect(answer).toMatchObject({ status: 202, body: { image_count: photos.length } });
    expect(answer.body.status_url).toBe(`${subject.url}/api/batch/status?batch_id=${answer.body.batch_id}`);
    return answer.body.batch_id;
  }
  const itemNamed = async (name: string) => {
    const { items } = (await api.get(`/api/batches/${batch}/items?limit=100`)).body;
    return items.find((item: { name: string }) => item.name === name);
  };

  it('says that it lives, and lists its recipes, before anything is there', async () => {
    expect(await (await api.bare('/healthz')).json()).toEqual({ status: 'ok' });
    const { recipes } = (await api.get('/api/recipes')).body;
    expect(recipes.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['fidelity', 'prompt', 'analyze']),
    );
    expect((await api.get('/api/batches')).body).toEqual({ batches: [], next_cursor: null });
    expect(await api.get('/api/batch/status')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  });

  it('describes itself', async () => {
    const document = await (await api.fetch('/openapi.json')).json();
    expect(await new Validator().validate(document)).toMatchObject({ valid: true });
    expect(document.security).toEqual([{ token: [] }]);
  });

  it('tells everybody who watches everything, also those whose connection breaks, and refuses a second batch', async () => {
    const paid = subject.paid();
    subject.hold();
    batch = await start('watched', names, { name: 'Watched' });
    const other = { prefix: await subject.photos('other', ['a-first.png']) };
    expect(await api.post('/api/batch/start', other)).toMatchObject({
      status: 409,
      body: { error: { code: 'batch_running', batch_id: batch } },
    });
    expect((await api.get(`/api/batch/report?batch_id=${batch}`)).status).toBe(404);
    expect((await api.get('/api/batch/status')).body).toMatchObject({ batch_id: batch, state: 'running' });

    const random = seededRandom(5);
    const connected = Promise.withResolvers<void>();
    let waiting = subject.watchers;
    const watched = Array.from({ length: subject.watchers }, async (_, index) => {
      let isFirst = true;
      const cut = (): boolean => {
        if (isFirst && --waiting === 0) connected.resolve();
        // Not the first watcher, and none before it was told of one item at least.
        const isCut = index > 0 && !isFirst && random() < 0.02;
        isFirst = false;
        return isCut;
      };
      const events = await api.watch(batch, { cut });
      const report = await api.fetch(`/api/batch/report?batch_id=${batch}&format=json`);
      return { events, report: report.status, _: await report.arrayBuffer() };
    });
    await Promise.race([connected.promise, Promise.all(watched)]);
    subject.release();
    const all = await Promise.all(watched);

    const ends = names.map((name) => [name, endOf(name).status]);
    for (const { events, report } of all) {
      expect(events[0]).toMatchObject({ event: 'snapshot', data: { batch_id: batch, state: 'running' } });
      expect(endsIn(events)).toEqual(ends);
      expect(events.at(-1)).toMatchObject({ event: 'complete', data: { state: 'finished', queued: 0 } });
      expect(events.every(({ id }) => id !== undefined)).toBe(true);
      expect(report).toBe(200);
    }
    told = all[0]?.events ?? [];
    const { calls, counts } = told.at(-1)?.data ?? {};
    expect(counts).toMatchObject({ total: 12, passed: 8, failed: 4, error: 0 });
    expect(subject.paid() - paid).toBe(calls);
    expect(told.filter(({ event }) => event === 'progress').length).toBeGreaterThan(0);
    expect(told.filter(({ data }) => data.status === 'running' && data.attempt > 0).length).toBeGreaterThan(0);
  });

  it('goes on behind any event, and has nothing to add to the last one', async () => {
    const ends = told.filter(({ event, data }) => event === 'item' && data.status !== 'running');
    for (const index of [0, 7, ends.length - 1]) {
      const rest = await api.watch(batch, { after: ends[index]?.id ?? '' });
      const known = new Set(ends.slice(0, index + 1).map(({ data }) => data.sku));
      const news = endsIn(rest).filter(([sku]) => !known.has(String(sku)));
      expect(news).toEqual(endsIn(ends.slice(index + 1)));
      expect(rest.at(-1)?.event).toBe('complete');
    }
    expect(endsIn(await api.watch(batch, { after: '0' }))).toHaveLength(names.length);
    const headers = { 'last-event-id': told.at(-1)?.id ?? '' };
    expect((await api.fetch(`/api/batch/status?batch_id=${batch}`, { headers })).status).toBe(204);
    const wrong = { headers: { 'last-event-id': 'nonsense' } };
    expect((await api.fetch(`/api/batch/status?batch_id=${batch}`, wrong)).status).toBe(400);
  });

  it('shows batches and items, a page at a time', async () => {
    expect((await api.get('/api/batches?limit=5')).body).toMatchObject({
      batches: [{ batch_id: batch, name: 'Watched', state: 'finished', counts: { total: 12 } }],
      next_cursor: null,
    });
    expect((await api.get(`/api/batches/${batch}`)).body).toMatchObject({ recipe: 'fidelity', listed: true });
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await api.get(`/api/batches/${batch}/items?limit=10${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.items.map(({ name }: { name: string }) => name));
      cursor = body.next_cursor;
    }
    expect(seen.sort()).toEqual(names);
    const { items } = (await api.get(`/api/batches/${batch}/items?state=failed`)).body;
    expect(items).toHaveLength(4);
    expect(items[0]).toMatchObject({ status: 'failed', attempts: 3, score: 4 / 6 });
  });

  it('shows all of an item, with its pictures', async () => {
    const { item_id: id } = await itemNamed('001-second.png');
    const { body } = await api.get(`/api/batches/${batch}/items/${id}`);
    expect(body).toMatchObject({ name: '001-second.png', status: 'passed', attempts: 2, calls: 7 });
    expect(body.journal).toHaveLength(7);
    expect(body.attempts_made.map(({ shipped }: { shipped: boolean }) => shipped)).toEqual([false, true]);
    for (const address of Object.values<string>(body.pictures)) {
      const picture = await api.fetch(address);
      expect(picture.headers.get('content-type')).toMatch(/^image\/(png|webp)$/);
      expect((await picture.arrayBuffer()).byteLength).toBeGreaterThan(50);
    }
    expect(await api.get(`/api/batches/${batch}/items/nowhere`)).toMatchObject({ status: 404 });
  });

  it('keeps what people say of items, and every export says it', async () => {
    const { item_id: id } = await itemNamed('002-never.png');
    const said = { decision: 'approved', note: 'Good enough. <b>"=1+1"</b>' };
    expect(await api.post(`/api/batches/${batch}/items/${id}/review`, said)).toMatchObject({
      status: 200,
      body: { review: said },
    });
    expect((await api.get(`/api/batches/${batch}/items?reviewed=true`)).body.items).toHaveLength(1);
    for (const format of ['json', 'jsonl', 'csv', 'markdown', 'junit']) {
      const text = await (await api.fetch(`/api/batch/report?batch_id=${batch}&format=${format}`)).text();
      expect(text, format).toContain('approved');
    }
    expect((await api.post(`/api/batches/${batch}/items/${id}/review`, { decision: 'perhaps' })).status).toBe(400);
  });

  it('gives the report as a page with all that lies beside it', async () => {
    const page = await api.fetch(`/api/batch/report?batch_id=${batch}`);
    expect(page.url).toMatch(new RegExp(`/api/batches/${batch}/files/report\\.html$`));
    const html = await page.text();
    const parts = [...html.matchAll(/(?:src|href)="(report\/[^"]+)"/g)].map(([, part]) => part ?? '');
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) {
      const address = new URL(part, page.url);
      expect((await api.fetch(address.pathname)).status, part).toBe(200);
    }
  });

  it('says what a start would do, without a call', async () => {
    const paid = subject.paid();
    const prefix = await subject.photos('estimated', ['a-first.png', 'b-first.png']);
    const { status, body } = await api.post('/api/batch/estimate', { prefix });
    expect({ status, items: body.items, simulated: body.simulated }).toEqual({
      status: 200,
      items: 2,
      simulated: false,
    });
    expect(body.calls.most).toBeGreaterThan(body.calls.least);
    expect(subject.paid()).toBe(paid);
    expect((await api.get('/api/batches')).body.batches).toHaveLength(1);
  });

  it('ends a batch that is cancelled, and goes on with it when it is resumed', async () => {
    subject.hold();
    const id = await start('cancelled', ['a-first.png', 'b-first.png', 'c-never.png']);
    const watched = api.watch(id, { after: '0' });
    expect(await api.post('/api/batch/cancel', { batch_id: id })).toMatchObject({
      status: 202,
      body: { batch_id: id, cancel_requested: true },
    });
    subject.release();
    expect((await watched).at(-1)).toMatchObject({ event: 'complete', data: { state: 'cancelled' } });
    expect(await api.post('/api/batch/cancel', {})).toMatchObject({ status: 409 });
    subject.hold();
    const other = await start('beside', ['a-first.png']);
    expect(await api.post('/api/batch/resume', { batch_id: id })).toMatchObject({
      status: 409,
      body: { error: { code: 'batch_running', batch_id: other } },
    });
    subject.release();
    await api.watch(other, { after: '0' });
    expect(await api.post('/api/batch/resume', { batch_id: id })).toMatchObject({
      status: 202,
      body: { batch_id: id, state: 'running' },
    });
    const last = (await api.watch(id)).at(-1);
    expect(last).toMatchObject({ event: 'complete', data: { counts: { passed: 2, failed: 1, cancelled: 0 } } });
    const again = await api.post('/api/batch/resume', { batch_id: id, failed: true });
    expect(again).toMatchObject({ status: 202, body: { reopened: 1 } });
    expect((await api.watch(id)).at(-1)).toMatchObject({ data: { counts: { passed: 2, failed: 1 } } });
  });

  it('lets in only who has the token, or the cookie that is given for it', async () => {
    expect((await api.bare('/healthz')).status).toBe(200);
    for (const path of ['/openapi.json', '/api/batches', `/api/batches/${batch}/files/report.html`, '/nowhere']) {
      const refused = await api.bare(path);
      expect({ path, status: refused.status }).toEqual({ path, status: 401 });
      expect(await refused.json()).toMatchObject({ error: { code: 'auth_failed' } });
    }
    const unpaid = await api.bare('/api/batch/start', { method: 'POST', headers: JSON_TYPE, body: '{"run_all":true}' });
    expect(unpaid.status).toBe(401);
    const session = (token: string, headers = {}) =>
      api.bare('/api/session', {
        ...{ method: 'POST', headers: { ...JSON_TYPE, ...headers } },
        body: JSON.stringify({ token }),
      });
    expect((await session('wrong')).status).toBe(401);
    const opened = await session(subject.token);
    const cookie = opened.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).not.toContain(subject.token);
    const pair = cookie.split(';')[0] ?? '';
    expect((await api.bare('/api/batches', { headers: { cookie: pair } })).status).toBe(200);
    const forged = pair.replace(/=\d/, (start) => (start === '=9' ? '=8' : '=9'));
    expect((await api.bare('/api/batches', { headers: { cookie: forged } })).status).toBe(401);
  });

  it('does nothing for pages of other sites', async () => {
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { origin: 'null' }]) {
      const init = { method: 'POST', headers: { ...headers, ...JSON_TYPE }, body: '{}' };
      for (const path of ['/api/batch/cancel', '/api/batch/start', '/api/session']) {
        expect((await api.fetch(path, init)).status, path).toBe(403);
      }
    }
    const { host } = new URL(subject.url);
    for (const [more, status] of [
      ['Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image', 403],
      ['Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe', 403],
      ['Origin: https://elsewhere.example', 403],
      ['Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document', 200],
    ] as const) {
      const asked = `GET /api/batches HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${subject.token}\r\n${more}`;
      const answer = await rawRequest(subject.url, `${asked}\r\nConnection: close\r\n\r\n`);
      expect({ more, status: answer.status }).toEqual({ more, status });
    }
    const here = { origin: subject.url, 'sec-fetch-site': 'same-origin', ...JSON_TYPE };
    expect((await api.fetch('/api/batch/cancel', { method: 'POST', headers: here, body: '{}' })).status).toBe(409);
  });

  it('takes so many starts a minute', async () => {
    const statuses: number[] = [];
    for (let count = 0; count < 31; count++) {
      const { status, headers, body } = await api.post('/api/batch/start', { prefix: 'ftp://nowhere' });
      statuses.push(status);
      if (status !== 429) continue;
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(body.error.code).toBe('rate_limited');
      break;
    }
    expect(statuses.at(-1)).toBe(429);
    expect(new Set(statuses)).toEqual(new Set([400, 429]));
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** Names and states of the items that ended, each once however often it was told, in the order of the names. */
function endsIn(events: readonly StreamEvent[]): unknown[][] {
  const ends = new Map<string | undefined, unknown[]>();
  for (const { event, id, data } of events) {
    if (event === 'item' && data.status !== 'running') ends.set(id, [data.sku, data.status]);
  }
  return [...ends.values()].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
}
