import { describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import { bucketHandler } from '../../functions/handlers/bucket.ts';
import { dropWorld } from '../support/drop-world.ts';
import type { FinalizeEvent } from '../support/storage-events.ts';

const QUARANTINE = 'gs://work/quarantine';

async function world(of: Parameters<typeof dropWorld>[0] = {}) {
  const drops = await dropWorld(of);
  const handle = bucketHandler({ app: drops.app, rules: drops.rules, quarantine: QUARANTINE });
  return { ...drops, handle };
}

const cloudEvent = ({ attributes, data }: FinalizeEvent) => ({ ...attributes, data });
/** As Cloud Storage itself notifies, pushed by Pub/Sub. */
const notification = ({ data }: FinalizeEvent) => ({
  message: {
    data: Buffer.from(JSON.stringify(data)).toString('base64'),
    attributes: { eventType: 'OBJECT_FINALIZE', bucketId: data.bucket, objectId: data.name },
    messageId: '1',
  },
  subscription: 'projects/p/subscriptions/inbox',
});

describe('an event of the bucket', () => {
  it.each([
    ['CloudEvent', cloudEvent],
    ['notification', notification],
  ])('starts a drop as %s', async (_, shape) => {
    const drops = await world();
    await drops.handle(shape(await drops.upload('shoes/left.png')));
    const [batch] = await drops.batches();
    expect(batch).toMatchObject({ name: 'shoes', state: 'running' });
    await drops.pass(300_000);
    expect(await drops.items(batch?.id ?? '')).toEqual(['shoes/left.png passed']);
  });

  it('of another kind is done with', async () => {
    const { handle, upload, batches } = await world();
    const event = await upload('shoes/left.png');
    await handle({ ...cloudEvent(event), type: 'google.cloud.storage.object.v1.deleted' });
    expect(await batches()).toEqual([]);
  });

  it('that cannot be read is kept once and done with', async () => {
    const said: unknown[] = [];
    const log = { info: () => undefined, warn: () => undefined, error: (fields: unknown) => void said.push(fields) };
    const { handle, server } = await world({ log });
    const event = { type: 'google.cloud.storage.object.v1.finalized', data: { bucket: 'inbox' } };
    await handle(event);
    await handle(event);
    const { items } = server.objects.list('work', { prefix: 'quarantine/' });
    expect(items.map(({ name }) => JSON.parse(server.objects.bytes('work', name).toString()))).toEqual([event]);
    expect(said[0]).toMatchObject({ error: expect.stringContaining('data.name') });
  });

  it('comes again while the store cannot be reached, also when that needs a person', async () => {
    let isBroken = true;
    const { handle, upload, batches } = await world({
      through: (platform) => ({
        ...platform,
        batches: {
          ...platform.batches,
          async list(page) {
            if (isBroken) throw new ProofsheetError('storage', 'Firestore refused access.', { scope: 'batch' });
            return await platform.batches.list(page);
          },
        },
      }),
    });
    const event = cloudEvent(await upload('shoes/left.png'));
    await expect(handle(event)).rejects.toThrow('refused access');
    isBroken = false;
    await handle(event);
    expect(await batches()).toHaveLength(1);
  });
});

describe('the handler of the bucket', () => {
  it.each([
    [{ outputRoot: 'gs://inbox' }, 'would lie inside the watched gs://inbox'],
    [{ outputRoot: 'gs://inbox/results' }, 'would lie inside the watched gs://inbox'],
    [{ recipe: 'paint' }, 'There is no recipe "paint"'],
    [{ recipeSettings: { prompt: 7 } }, 'The settings do not fit the recipe retouch'],
  ])('does not start with %o', async (rules, problem) => {
    const drops = await dropWorld({ rules });
    expect(() => bucketHandler({ app: drops.app, rules: drops.rules, quarantine: QUARANTINE })).toThrow(problem);
  });
});
