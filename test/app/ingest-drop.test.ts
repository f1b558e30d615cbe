import { describe, expect, it } from 'vitest';
import { cancelBatch, resumeBatch } from '../../functions/app/control-batch.ts';
import { photo } from '../support/drop-recipes.ts';
import { type DropWorld, dropWorld } from '../support/drop-world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

async function onlyBatch(world: DropWorld) {
  const [batch, ...others] = await world.batches();
  expect(others).toEqual([]);
  if (batch === undefined) throw new Error('There is no batch.');
  return batch;
}

const promptsOf = (world: DropWorld) =>
  world.requests.map(({ parts }) => parts.flatMap((part) => ('text' in part ? [part.text] : [])).join());

describe('a drop', () => {
  it('is worked off as one batch named after its folder', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.upload('shoes/summer/right.png');
    await world.upload('bags/tote.png');
    await world.pass(5 * MINUTE);
    const [shoes, bags, ...others] = await world.batches();
    expect(others).toEqual([]);
    expect([shoes?.name, bags?.name]).toEqual(['shoes', 'bags']);
    expect(shoes).toMatchObject({ state: 'finished', sealed: true, inputs: ['gs://inbox/shoes'] });
    expect(shoes?.drop?.notes).toEqual(['The drop was closed after 120 seconds without a new file.']);
    expect(await world.items(shoes?.id ?? '')).toEqual(['shoes/left.png passed', 'shoes/summer/right.png passed']);
    expect(await world.items(bags?.id ?? '')).toEqual(['bags/tote.png passed']);
    expect(world.requests).toHaveLength(3);
  });

  it('of files directly in the bucket is a batch named after the bucket', async () => {
    const world = await dropWorld();
    await world.upload('left.png');
    await world.upload('shoes/right.png');
    await world.pass(5 * MINUTE);
    const [root, shoes] = await world.batches();
    expect([root?.name, shoes?.name]).toEqual(['inbox', 'shoes']);
    expect(await world.items(root?.id ?? '')).toEqual(['left.png passed']);
  });

  it('is in work while files still come, and stays one batch as long as they do', async () => {
    const world = await dropWorld();
    for (let n = 0; n < 8; n += 1) {
      await world.upload(`shoes/${n}.png`);
      await world.pass(MINUTE);
      expect(await world.items((await onlyBatch(world)).id)).toHaveLength(n + 1);
    }
    expect(await onlyBatch(world)).toMatchObject({ state: 'running', sealed: false });
    await world.pass(3 * MINUTE);
    expect(await onlyBatch(world)).toMatchObject({ state: 'finished' });
    expect(world.requests).toHaveLength(8);
  });

  it('that is never quiet is closed all the same', async () => {
    const world = await dropWorld({ rules: { quietMs: 3600 * SECOND } });
    for (let n = 0; n < 13; n += 1) {
      await world.upload(`shoes/${n}.png`);
      await world.pass(30 * MINUTE);
    }
    const [first, second] = await world.batches();
    expect(first?.drop?.notes).toEqual(['The drop was closed after 6 hours.']);
    expect(await world.items(first?.id ?? '')).toHaveLength(12);
    expect(await world.items(second?.id ?? '')).toEqual(['shoes/12.png passed']);
  });

  it('leaves aside what is no picture, with the reasons counted, and refuses aloud what is called one', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.upload('shoes/readme.txt', 'hello');
    await world.upload('shoes/sub/Thumbs.db', 'x');
    await world.upload('shoes/right.png.part', photo('part'));
    await world.upload('shoes/sub/', '');
    await world.upload('shoes/empty.png', '');
    await world.upload('shoes/text.jpg', 'no picture');
    await world.upload('shoes/0001', photo('without an ending'));
    await world.pass(5 * MINUTE);
    const batch = await onlyBatch(world);
    expect(batch.ignored).toEqual({ 'not a picture': 1, 'system file': 1, 'unfinished transfer': 1 });
    expect(await world.items(batch.id)).toEqual([
      'shoes/0001 passed',
      'shoes/empty.png skipped empty_file',
      'shoes/left.png passed',
      'shoes/text.jpg skipped not_an_image',
    ]);
  });

  it('is not opened by files that start no work', async () => {
    const world = await dropWorld();
    await world.upload('shoes/batch.json', '{}');
    await world.upload('shoes/_READY', '');
    await world.upload('notes/readme.txt', 'hello');
    await world.upload('shoes/.left.png');
    await world.upload('gcloud/tmp/parallel_composite_uploads/see_help/left.png_1');
    const fates = await world.deliverEvents();
    expect(fates).toEqual(fates.map(() => ({ kind: 'ignored', reason: expect.any(String) })));
    expect(await world.batches()).toEqual([]);
  });

  it('says to nobody twice that a batch writes seldom: hundreds of events, a few writes', async () => {
    const writes = { change: 0 };
    const world = await dropWorld({
      through: (platform) => ({
        ...platform,
        batches: {
          ...platform.batches,
          change(...args) {
            writes.change += 1;
            return platform.batches.change(...args);
          },
        },
      }),
    });
    for (let n = 0; n < 300; n += 1) await world.upload(`shoes/${n}.png`);
    await Promise.all(world.events.splice(0).map((event) => world.ingest(event)));
    const events = Array.from({ length: 100 }, () => world.upload('shoes/0.png', photo('0')));
    await Promise.all(events);
    world.wait(11 * SECOND);
    await Promise.all(world.events.splice(0).map((event) => world.ingest(event)));
    expect(writes.change).toBeLessThanOrEqual(100);
    expect(world.messages.waiting.length).toBeLessThanOrEqual(4);
    await onlyBatch(world);
  });
});

describe('events of a drop', () => {
  it('open one batch when the first ones come at the same time', async () => {
    const world = await dropWorld();
    for (let n = 0; n < 12; n += 1) await world.upload(`shoes/${n}.png`);
    const fates = await Promise.all(world.events.splice(0).map((event) => world.ingest(event)));
    expect(fates.filter(({ kind }) => kind === 'opened')).toHaveLength(1);
    expect(fates.filter(({ kind }) => kind === 'joined')).toHaveLength(11);
    await world.pass(5 * MINUTE);
    expect(await world.items((await onlyBatch(world)).id)).toHaveLength(12);
  });

  it('may come twice, at any time', async () => {
    const world = await dropWorld();
    const events = [await world.upload('shoes/left.png'), await world.upload('shoes/readme.txt', 'hello')];
    for (const wait of [0, 15, 30, 60, 90, 180, 3600]) {
      world.events.push(...events);
      await world.pass(wait * SECOND);
    }
    const batch = await onlyBatch(world);
    expect(batch).toMatchObject({ state: 'finished' });
    expect(await world.items(batch.id)).toEqual(['shoes/left.png passed']);
    world.events.push(...events);
    expect(await world.deliverEvents()).toEqual(events.map(() => ({ kind: 'known', batchId: batch.id })));
    expect(world.requests).toHaveLength(1);
  });

  it('may get lost, or come when all is over', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.deliverEvents();
    const late = [await world.upload('shoes/right.png'), await world.upload('shoes/other.png')];
    world.events.length = 0;
    await world.pass(5 * MINUTE);
    const batch = await onlyBatch(world);
    expect(await world.items(batch.id)).toEqual([
      'shoes/left.png passed',
      'shoes/other.png passed',
      'shoes/right.png passed',
    ]);
    world.events.push(...late);
    expect(await world.deliverEvents()).toEqual(late.map(() => ({ kind: 'known', batchId: batch.id })));
  });

  it('of later files open another batch, which says so and has these files only', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.upload('shoes/readme.txt', 'hello');
    await world.pass(3 * MINUTE);
    const first = await onlyBatch(world);
    expect(first.sealed).toBe(true);
    await world.upload('shoes/right.png');
    await world.pass(5 * MINUTE);
    await world.upload('shoes/third.png');
    await world.pass(20 * MINUTE);
    await world.upload('shoes/fourth.png');
    await world.pass(5 * MINUTE);
    const [, second, third, fourth, ...others] = await world.batches();
    expect(others).toEqual([]);
    expect([second?.name, third?.name, fourth?.name]).toEqual(['shoes (2)', 'shoes (3)', 'shoes (4)']);
    expect(second?.drop?.notes[0]).toBe(`These files came after batch ${first.id} of the same folder was complete.`);
    const page = world.server.objects.bytes('output', `${second?.id}/report.html`).toString();
    expect(page).toContain(second?.drop?.notes[0]);
    expect(page).toContain('The drop was closed after 120 seconds without a new file.');
    expect(await world.items(second?.id ?? '')).toEqual(['shoes/right.png passed']);
    expect(await world.items(third?.id ?? '')).toEqual(['shoes/third.png passed']);
    expect(await world.items(fourth?.id ?? '')).toEqual(['shoes/fourth.png passed']);
    expect(world.requests).toHaveLength(4);
  });

  it('come again while the drop is being closed, so that no file falls between two batches', async () => {
    const looked = { closing: 0 };
    const world: DropWorld = await dropWorld({
      through: (platform) => ({
        ...platform,
        files: {
          ...platform.files,
          async list(...args) {
            const page = await platform.files.list(...args);
            const [batch] = await platform.batches.list({ limit: 1 });
            if (batch?.drop?.look?.closing && args[0] === 'gs://inbox/shoes') {
              looked.closing += 1;
              // It comes behind the back of the look.
              await world.upload('shoes/a-late.png');
              expect(await world.deliverEvents()).toEqual(['again']);
            }
            return page;
          },
        },
      }),
    });
    await world.upload('shoes/left.png');
    await world.pass(10 * MINUTE);
    expect(looked.closing).toBeGreaterThan(0);
    const [first, second] = await world.batches();
    expect(await world.items(first?.id ?? '')).toEqual(['shoes/left.png passed']);
    expect(await world.items(second?.id ?? '')).toContain('shoes/a-late.png passed');
  });
});

describe('batch.json', () => {
  it.each([
    ['before', 0],
    ['between', 1],
    ['after', 2],
  ])('that comes %s the images holds for all of them', async (_, at) => {
    const world = await dropWorld();
    const uploads = ['shoes/left.png', 'shoes/right.png'].map((path) => () => world.upload(path));
    const file = { name: 'Summer', prompt: 'by the sea', expect: 2 };
    uploads.splice(at, 0, () => world.upload('shoes/batch.json', JSON.stringify(file)));
    for (const upload of uploads) {
      await upload();
      await world.pass(5 * SECOND);
    }
    await world.pass(30 * SECOND);
    const batch = await onlyBatch(world);
    expect(batch).toMatchObject({ name: 'Summer', recipeSettings: { prompt: 'by the sea' }, sealed: true });
    expect(batch.drop?.notes).toEqual(['The drop was said to be complete.']);
    expect(promptsOf(world)).toEqual(['by the sea', 'by the sea']);
  });

  it('begins the work at once; without one the work begins after a while', async () => {
    const world = await dropWorld();
    await world.upload('shoes/batch.json', '{"prompt": "by the sea"}');
    await world.upload('shoes/left.png');
    await world.upload('bags/tote.png');
    await world.pass(5 * SECOND);
    expect(promptsOf(world)).toEqual(['by the sea']);
    await world.pass(20 * SECOND);
    expect(promptsOf(world)).toEqual(['by the sea', 'clean it']);
  });

  it.each([
    ['no JSON', '{"recipe": ', /cannot be used: it is no JSON \(.+\)\. Upload it corrected, and the batch goes on\.$/],
    ['an unknown word', '{"recipes": "retouch"}', /cannot be used: Unrecognized key: "recipes"\. Upload/],
    ['an unknown recipe', '{"recipe": "paint"}', /There is no recipe "paint"; use one of: retouch, recite\. Upload/],
    ['an unknown setting', '{"settings": {"promt": "x"}}', /The recipe retouch has no setting promt\. Upload/],
    ['a setting of another kind', '{"settings": {"prompt": 7}}', /prompt: .*expected string.*\. Upload/],
    ['no number', '{"expect": "many"}', /cannot be used: expect: .+\. Upload/],
  ])('with %s stops the batch with one sentence, until it is corrected', async (_, content, sentence) => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    const told = await world.upload('shoes/batch.json', content);
    await world.pass(5 * MINUTE);
    const stopped = await onlyBatch(world);
    expect(stopped).toMatchObject({ state: 'paused', pause: { code: 'usage' } });
    expect(stopped.pause?.message).toMatch(/^gs:\/\/inbox\/shoes\/batch\.json cannot be used: /);
    expect(stopped.pause?.message).toMatch(sentence);
    await world.upload('shoes/right.png');
    world.events.push(told);
    await world.pass(MINUTE);
    expect(await onlyBatch(world)).toMatchObject({ state: 'paused', pause: stopped.pause });
    expect(world.requests).toEqual([]);
    await world.upload('shoes/batch.json', '{"prompt": "by the sea"}');
    await world.pass(5 * MINUTE);
    const batch = await onlyBatch(world);
    expect(batch.state).toBe('finished');
    expect(await world.items(batch.id)).toEqual(['shoes/left.png passed', 'shoes/right.png passed']);
    expect(promptsOf(world)).toEqual(['by the sea', 'by the sea']);
  });

  it('that comes too late with other settings stops the work and asks, once', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.pass(MINUTE);
    await world.upload('shoes/right.png');
    await world.upload('shoes/batch.json', '{"prompt": "by the sea"}');
    await world.pass(5 * MINUTE);
    const stopped = await onlyBatch(world);
    expect(stopped).toMatchObject({ state: 'paused', sealed: false });
    expect(stopped.pause?.message).toBe(
      'gs://inbox/shoes/batch.json came after work had begun with other settings. ' +
        'Resume goes on with those; to use the file, cancel the batch and drop the images again.',
    );
    expect(world.requests).toHaveLength(1);
    await resumeBatch(world.app, stopped.id, { failed: false, errors: false });
    await world.pass(5 * MINUTE);
    expect((await onlyBatch(world)).state).toBe('finished');
    expect(promptsOf(world)).toEqual(['clean it', 'clean it']);
  });

  it('that comes late with the same settings may still say how many images there are', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.pass(MINUTE);
    await world.upload('shoes/batch.json', '{"expect": 2}');
    await world.upload('shoes/right.png');
    await world.pass(MINUTE);
    const batch = await onlyBatch(world);
    expect(batch).toMatchObject({ sealed: true, drop: { expect: 2, notes: ['The drop was said to be complete.'] } });
  });

  it('that expects more than comes does not keep the batch open', async () => {
    const world = await dropWorld();
    await world.upload('shoes/batch.json', '{"expect": 3}');
    await world.upload('shoes/left.png');
    await world.pass(5 * MINUTE);
    expect((await onlyBatch(world)).drop?.notes).toEqual([
      'The drop was closed after 120 seconds without a new file, with 1 of the 3 images it was to have.',
    ]);
  });

  it('holds for later files of its folder too, but for its number of images', async () => {
    const world = await dropWorld();
    await world.upload('shoes/batch.json', '{"prompt": "by the sea", "expect": 1, "name": "Summer"}');
    await world.upload('shoes/left.png');
    await world.pass(MINUTE);
    await world.upload('shoes/right.png');
    await world.pass(MINUTE);
    const [, second] = await world.batches();
    expect(second).toMatchObject({ name: 'Summer (2)', sealed: false, recipeSettings: { prompt: 'by the sea' } });
    await world.pass(5 * MINUTE);
    expect((await world.batches())[1]?.state).toBe('finished');
    expect(promptsOf(world)).toEqual(['by the sea', 'by the sea']);
  });

  it('can ask for documents, whichever comes first', async () => {
    const world = await dropWorld();
    await world.upload('before/batch.json', '{"recipe": "recite"}');
    await world.upload('before/text.txt', 'hello');
    await world.upload('after/text.txt', 'hello, world');
    await world.deliverEvents();
    await world.upload('after/batch.json', '{"recipe": "recite"}');
    await world.pass(5 * MINUTE);
    const batches = await world.batches();
    expect(batches.map(({ name, state }) => [name, state])).toEqual([
      ['before', 'finished'],
      ['after', 'finished'],
    ]);
    expect(await world.items(batches[1]?.id ?? '')).toEqual(['after/text.txt passed']);
  });

  it('cannot switch a simulation off', async () => {
    const world = await dropWorld({ rules: { fixedSettings: { model: 'simulated' } } });
    await world.upload('shoes/batch.json', '{"settings": {"model": "dear"}}');
    await world.upload('shoes/left.png');
    await world.pass(MINUTE);
    expect((await onlyBatch(world)).recipeSettings).toMatchObject({ model: 'simulated' });
  });
});

describe('the mark of a complete drop', () => {
  it('closes the drop at once', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.upload('shoes/right.png');
    await world.upload('shoes/_READY', '');
    await world.pass(40 * SECOND);
    const batch = await onlyBatch(world);
    expect(batch.drop?.notes).toEqual(['The drop was said to be complete.']);
    expect(batch.ignored).toEqual({});
    expect(await world.items(batch.id)).toEqual(['shoes/left.png passed', 'shoes/right.png passed']);
  });

  it('also when it comes while files are in work, or its event gets lost', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.upload('bags/tote.png');
    await world.pass(MINUTE);
    await world.upload('shoes/_READY', '');
    await world.pass(5 * SECOND);
    const [shoes] = await world.batches();
    expect(shoes?.sealed).toBe(true);
    await world.upload('bags/_READY', '');
    await world.upload('bags/other.png');
    await world.upload('bags/_READY', '');
    world.events.splice(2);
    world.events.shift();
    await world.pass(40 * SECOND);
    expect((await world.batches())[1]).toMatchObject({ name: 'bags', sealed: true });
  });

  it('counts for nothing when a file is younger', async () => {
    const world = await dropWorld();
    await world.upload('shoes/_READY', '');
    await world.pass(10 * SECOND);
    await world.upload('shoes/left.png');
    await world.pass(MINUTE);
    expect((await onlyBatch(world)).sealed).toBe(false);
    await world.pass(2 * MINUTE);
    expect((await onlyBatch(world)).drop?.notes).toEqual(['The drop was closed after 120 seconds without a new file.']);
  });
});

describe('a file that changes', () => {
  it('before it is looked at is one item, the newest version', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png', photo('one'));
    await world.pass(5 * SECOND);
    await world.upload('shoes/left.png', photo('two'));
    await world.pass(5 * MINUTE);
    const batch = await onlyBatch(world);
    expect(await world.items(batch.id)).toEqual(['shoes/left.png passed']);
    expect(world.requests).toHaveLength(1);
  });

  it('before it is in work is two items: the old version is superseded', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png', photo('one'));
    await world.deliverEvents();
    await world.deliverDue();
    world.wait(21 * SECOND);
    const expand = world.messages.take();
    if (expand === undefined) throw new Error('Nothing is due.');
    const { dispatch } = await import('../../functions/app/dispatch.ts');
    await dispatch(world.app, expand);
    await world.upload('shoes/left.png', photo('two'));
    await world.pass(5 * MINUTE);
    const batch = await onlyBatch(world);
    expect(await world.items(batch.id)).toEqual(['shoes/left.png passed', 'shoes/left.png skipped superseded']);
    expect(world.requests).toHaveLength(1);
    const items = await world.platform.batches.items(batch.id, { limit: 9 });
    const old = items.find((item) => item.state === 'skipped');
    expect(old?.summary?.message).toBe('A newer version of left.png took its place and is an item of its own.');
  });

  it('after it was done is done again', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png', photo('one'));
    await world.pass(MINUTE);
    await world.upload('shoes/left.png', photo('two'));
    await world.pass(5 * MINUTE);
    await world.upload('shoes/left.png', photo('three'));
    await world.pass(5 * MINUTE);
    const [first, second] = await world.batches();
    expect(await world.items(first?.id ?? '')).toEqual(['shoes/left.png passed', 'shoes/left.png passed']);
    expect(await world.items(second?.id ?? '')).toEqual(['shoes/left.png passed']);
    expect(world.requests).toHaveLength(3);
  });

  it('is paid once when only its date changes', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png', photo('one'));
    await world.pass(MINUTE);
    await world.upload('shoes/left.png', photo('one'));
    await world.pass(5 * MINUTE);
    expect(world.requests).toHaveLength(1);
    expect(await world.items((await onlyBatch(world)).id)).toHaveLength(2);
  });

  it('and goes away is no item; if it was one, it ends with the reason', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.upload('bags/tote.png');
    await world.deliverEvents();
    world.server.objects.remove('inbox', 'shoes/left.png', undefined, {});
    await world.pass(5 * MINUTE);
    const [shoes, bags] = await world.batches();
    expect(shoes).toMatchObject({ state: 'finished', sealed: true });
    expect(await world.items(shoes?.id ?? '')).toEqual([]);
    expect(await world.items(bags?.id ?? '')).toEqual(['bags/tote.png passed']);
  });
});

describe('a drop that is cancelled', () => {
  it('gives its folder up: what comes then opens another batch', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.pass(30 * SECOND);
    const { id } = await onlyBatch(world);
    await cancelBatch(world.app, id);
    await world.upload('shoes/right.png');
    await world.pass(5 * MINUTE);
    const [first, second, ...others] = await world.batches();
    expect(others).toEqual([]);
    expect(first?.state).toBe('cancelled');
    expect(await world.items(second?.id ?? '')).toEqual(['shoes/right.png passed']);
    await resumeBatch(world.app, id, { failed: false, errors: false });
    await world.pass(5 * MINUTE);
    expect((await world.batches()).map(({ state }) => state)).toEqual(['finished', 'finished']);
    expect(await world.items(id)).toEqual(['shoes/left.png passed']);
  });

  it('goes on with its folder when it is resumed before anything else comes', async () => {
    const world = await dropWorld();
    await world.upload('shoes/left.png');
    await world.pass(5 * SECOND);
    const { id } = await onlyBatch(world);
    await cancelBatch(world.app, id);
    await world.pass(MINUTE);
    await resumeBatch(world.app, id, { failed: false, errors: false });
    await world.upload('shoes/right.png');
    await world.pass(5 * MINUTE);
    expect(await world.items((await onlyBatch(world)).id)).toEqual(['shoes/left.png passed', 'shoes/right.png passed']);
  });
});
