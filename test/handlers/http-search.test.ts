import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { httpApi } from '../../functions/handlers/http.ts';
import { PRODUCTS } from '../support/embedding-world.ts';
import { httpWorld } from '../support/http-world.ts';

let world: Awaited<ReturnType<typeof httpWorld>>;
const ends: (() => Promise<void>)[] = [];

async function embeddedWorld(atEnd: (end: () => Promise<void>) => void) {
  const made = await httpWorld([], {}, atEnd);
  const folder = join(made.photos, 'products');
  mkdirSync(folder);
  for (const name of readdirSync(PRODUCTS)) copyFileSync(join(PRODUCTS, name), join(folder, name));
  await made.post('/api/batch/start', { prefix: folder, recipe: 'embed' });
  await made.work();
  return made;
}
beforeAll(async () => {
  world = await embeddedWorld((end) => {
    ends.push(end);
  });
  return async () => {
    for (const end of ends) await end();
  };
});

const base64 = (name: string) => readFileSync(join(PRODUCTS, name)).toString('base64');

it('finds the nearest of a picture, of an entry, and by a filter', async () => {
  expect((await world.get('/api/collection')).body).toMatchObject({ collection: 'products', entries: 9 });
  const { body, status } = await world.post('/api/search', { picture: base64('mug.jpg'), top: 3 });
  expect(status).toBe(200);
  expect(body.weights).toEqual({ semantic: 0.6, visual: 0.4 });
  expect(body.hits).toHaveLength(3);
  expect(body.hits[0]).toMatchObject({ title: 'mug', source: 'references' });
  expect(body.hits[0].score).toBeGreaterThan(0.99);
  expect(body.hits[0].semantic).toBeGreaterThan(0.99);
  const like = await world.get(`/api/search?like=${body.hits[1].id}&top=1&source=references`);
  expect(like.body.hits.map((hit: { id: string }) => hit.id)).toEqual([body.hits[1].id]);
  expect((await world.get(`/api/search?like=${body.hits[1].id}&brand=nobody`)).body.hits).toEqual([]);
  expect((await world.get('/api/search/duplicates?threshold=0.999')).body).toEqual({ groups: [] });
  expect((await world.get('/api/search/duplicates?threshold=0.5')).body.groups[0].entries).toHaveLength(9);
});

it('shows the pictures of what it found, while they are what was embedded', async () => {
  const own = await embeddedWorld(onTestFinished);
  const { body } = await own.post('/api/search', { picture: base64('mug.jpg'), top: 1 });
  const picture = await own.fetch(body.hits[0].picture);
  expect(picture.headers.get('content-type')).toBe('image/webp');
  expect((await picture.arrayBuffer()).byteLength).toBeGreaterThan(500);
  writeFileSync(join(own.photos, 'products', 'mug.jpg'), readFileSync(join(PRODUCTS, 'watch.jpg')));
  expect((await own.fetch(body.hits[0].picture)).status).toBe(404);
  expect((await own.fetch('/api/search/pictures/nobody')).status).toBe(404);
});

it('shows no picture of a place that may not be read any more', async () => {
  const { body } = await world.post('/api/search', { picture: base64('mug.jpg'), top: 1 });
  const { picture } = body.hits[0];
  const { app, options } = world;
  const placeOf = async (place: string) => ({ problem: `${place} may not be read.` });
  const api = httpApi(app, { ...options, start: { ...options.start, placeOf } });
  expect((await api.request(picture)).status).toBe(404);
  expect((await world.fetch(picture)).status).toBe(200);
});

it.each([
  ['words that the encoder does not know', { text: 'red bag' }, 'knows no words'],
  ['no picture', { picture: Buffer.from('hello').toString('base64') }, 'not'],
  ['nothing', {}, 'Search by one of'],
  ['two things', { text: 'a', like: 'b' }, 'Search by one of'],
  ['another filter', { like: 'b', filter: { colour: 'red' } }, 'colour'],
])('says what is wrong with %s', async (_, body, said) => {
  const answer = await world.post('/api/search', body);
  expect(answer.status).toBe(400);
  expect(answer.body.error.message).toContain(said);
});
