import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { costOf, priceTableSchema } from '../../functions/domain/cost.ts';
import { dot, vectorFromText } from '../../functions/domain/embedding.ts';
import { failureOf, geminiSetup, requestOf, STANDARD, storedFile } from '../support/gemini-setup.ts';

const PHOTO = readFileSync(new URL('../../../shared/data/products/mug.jpg', import.meta.url));
const MODEL = 'gemini-embedding-2';

it('asks for the vector of one picture as a content of its own, and gives it at length 1', async () => {
  const { file, open } = storedFile(PHOTO, 'image/jpeg');
  const { server, models } = await geminiSetup({}, { open });
  const request = requestOf('embed', { model: MODEL, parts: [{ file }], dimensions: 256 });
  const answer = await models.call(request, STANDARD);
  const vector = vectorFromText(answer.text ?? '');
  expect(vector).toHaveLength(256);
  expect(dot(vector, vector)).toBeCloseTo(1, 5);
  expect(server.calls[0]?.path).toContain(`/v1beta/models/${MODEL}:batchEmbedContents`);
  expect(server.calls[0]?.body.requests).toHaveLength(1);
  expect(server.calls[0]?.body.requests?.[0]).toMatchObject({ outputDimensionality: 256 });
  expect(server.calls[0]?.images).toEqual([{ mimeType: 'image/jpeg', bytes: PHOTO.length, sha256: file.sha256 }]);
  // The same picture has the same vector.
  expect((await models.call(request, STANDARD)).text).toBe(answer.text);
});

it('asks Vertex AI for one content', async () => {
  const { file, open } = storedFile(PHOTO, 'image/jpeg');
  const { server, models } = await geminiSetup({}, { open, auth: { kind: 'vertex', apiKey: 'express' } });
  const answer = await models.call(requestOf('embed', { model: MODEL, parts: [{ file }], dimensions: 128 }), STANDARD);
  expect(vectorFromText(answer.text ?? '')).toHaveLength(128);
  expect(server.calls[0]?.path).toMatch(/:embedContent$/);
});

it('says in the text what words are searched for', async () => {
  const { server, models } = await geminiSetup();
  await models.call(
    requestOf('embed', { model: MODEL, parts: [{ text: 'red leather bag' }], dimensions: 64 }),
    STANDARD,
  );
  expect(server.calls[0]?.prompt).toBe('task: search result | query: red leather bag');
});

it('never counts a call as free whose tokens were not told', async () => {
  const reply = { embeddings: [{ values: [3, 4] }] };
  const { models } = await geminiSetup({ respond: () => reply });
  const { usage, modelVersion, text } = await models.call(
    requestOf('embed', { model: MODEL, dimensions: 2 }),
    STANDARD,
  );
  expect([...vectorFromText(text ?? '')].map((value) => value.toFixed(3))).toEqual(['0.600', '0.800']);
  const prices = priceTableSchema.parse(parse(readFileSync('functions/prices.yaml', 'utf8')));
  expect(costOf({ model: MODEL, modelVersion, usage, lane: 'standard', at: 0 }, prices)).toBeNull();
  const { untold: _, ...counted } = usage;
  const told = { ...counted, input: 258, inputImage: 258 };
  expect(costOf({ model: MODEL, usage: told, lane: 'standard', at: 0 }, prices)).toBe(116_100);
});

it.each([
  ['several vectors', { embeddings: [{ values: [1] }, { values: [1] }] }],
  ['another length', { embeddings: [{ values: [1, 0, 0] }] }],
  ['something else', { candidates: [] }],
])('takes %s for no answer', async (_, reply) => {
  const { models } = await geminiSetup({ respond: () => reply });
  const request = requestOf('embed', { model: MODEL, dimensions: 2 });
  expect(await failureOf(models.call(request, STANDARD))).toMatchObject({
    code: 'bad_response',
    disposition: 'transient',
  });
});

it('does not send what the encoder does not take', async () => {
  const { file, open } = storedFile(PHOTO, 'image/webp');
  const { server, models } = await geminiSetup({}, { open });
  const failure = await failureOf(models.call(requestOf('embed', { model: MODEL, parts: [{ file }] }), STANDARD));
  expect(failure).toMatchObject({ code: 'invalid_request' });
  expect(failure.message).toContain('takes JPEG and PNG, not image/webp');
  expect(server.calls).toEqual([]);
});
