import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import { httpWorld } from '../support/http-world.ts';

it.each([undefined, 'secret'])('is a valid OpenAPI document (token %s)', async (token) => {
  const { fetch } = await httpWorld([], token === undefined ? {} : { token });
  const response = await fetch('/openapi.json', { headers: { authorization: `Bearer ${token}` } });
  const document = await response.json();
  const result = await new Validator().validate(document);
  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
  expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
  expect(document.security).toEqual(token === undefined ? [] : [{ token: [] }]);
});

it('says of a start what a start is checked by', async () => {
  const { fetch, post } = await httpWorld([]);
  const document = await (await fetch('/openapi.json')).json();
  const { StartBatchBody: start } = document.components.schemas;
  expect(Object.keys(start.properties)).toEqual(
    expect.arrayContaining(['prefix', 'image_uris', 'run_all', 'settings']),
  );
  expect(start.additionalProperties).toBe(false);
  expect(start.properties.image_uris).toMatchObject({ maxItems: 1000 });
  const uris = Array.from({ length: 1001 }, (_, n) => `/photos/${n}`);
  expect((await post('/api/batch/start', { image_uris: uris })).status).toBe(400);
  const ids = Object.values(document.paths as Record<string, Record<string, { operationId: string }>>).flatMap(
    (operations) => Object.values(operations).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});
