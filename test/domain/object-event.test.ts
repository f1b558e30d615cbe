import { describe, expect, it } from 'vitest';
import { arrivalFrom } from '../../functions/domain/object-event.ts';
import { ownMark } from '../../functions/domain/own-mark.ts';

const RESOURCE = {
  kind: 'storage#object',
  bucket: 'inbox',
  name: 'shoes/left foot.jpg',
  generation: '1795000000000001',
  size: '512',
  contentType: 'image/jpeg',
  timeCreated: '2026-11-21T10:00:00.123Z',
  md5Hash: 'x',
};
const ARRIVAL = {
  uri: 'gs://inbox/shoes/left foot.jpg',
  version: {
    id: 'gs://inbox/shoes/left foot.jpg#1795000000000001',
    uri: 'gs://inbox/shoes/left foot.jpg#1795000000000001',
    createdAt: Date.UTC(2026, 10, 21, 10, 0, 0, 123),
  },
  isOwn: false,
  bytes: 512,
  contentType: 'image/jpeg',
};
const ATTRIBUTES = {
  eventType: 'OBJECT_FINALIZE',
  payloadFormat: 'JSON_API_V1',
  bucketId: 'inbox',
  objectId: 'shoes/left foot.jpg',
  objectGeneration: '1795000000000001',
  eventTime: '2026-11-21T10:00:00.123Z',
};
const storageEvent = (data: unknown) => ({ type: 'google.cloud.storage.object.v1.finalized', id: '1', data });
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

describe('events of Cloud Storage', () => {
  it.each([
    ['an event of Eventarc', storageEvent(RESOURCE)],
    ['one with numbers as numbers', storageEvent({ ...RESOURCE, size: 512, generation: 1795000000000001 })],
    [
      'a notification through Eventarc',
      {
        type: 'google.cloud.pubsub.topic.v1.messagePublished',
        data: { message: { data: encoded(RESOURCE), attributes: ATTRIBUTES, messageId: '7' }, subscription: 's' },
      },
    ],
    ['a pushed notification', { message: { data: encoded(RESOURCE), attributes: ATTRIBUTES }, subscription: 's' }],
  ])('understands %s', (_, event) => {
    expect(arrivalFrom(event)).toEqual(ARRIVAL);
  });

  it('gets by with the attributes of a notification without payload', () => {
    const { uri, version } = ARRIVAL;
    expect(arrivalFrom({ message: { attributes: { ...ATTRIBUTES, payloadFormat: 'NONE' } } })).toEqual({
      ...{ uri, version, isOwn: false },
    });
  });

  it('knows the mark of its own outputs', () => {
    expect(arrivalFrom(storageEvent({ ...RESOURCE, metadata: ownMark('b') }))).toMatchObject({ isOwn: true });
    expect(arrivalFrom(storageEvent({ ...RESOURCE, metadata: { producer: 'x' } }))).toMatchObject({ isOwn: false });
  });

  it.each([
    { type: 'google.cloud.storage.object.v1.deleted', data: RESOURCE },
    { message: { data: encoded(RESOURCE), attributes: { ...ATTRIBUTES, eventType: 'OBJECT_DELETE' } } },
  ])('leaves other events alone', (event) => {
    expect(arrivalFrom(event)).toBeUndefined();
  });

  it.each([
    ['nothing', undefined, 'event'],
    ['a text', 'hello', 'event'],
    ['an event without data', storageEvent(undefined), 'data'],
    ['an object without a generation', storageEvent({ ...RESOURCE, generation: undefined }), 'generation'],
    ['an unreadable payload', { message: { data: '!!', attributes: ATTRIBUTES } }, 'event'],
    ['a message of somebody else', { message: { attributes: {} } }, 'bucketId'],
  ])('says what is wrong with %s', (_, event, at) => {
    expect(() => arrivalFrom(event)).toThrow(new RegExp(`^An event is no object notification \\(\\S*${at}`));
  });
});
