import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { ModelRequest } from '../../functions/domain/model-call.ts';
import { type VertexJobsOptions, vertexJobs } from '../../functions/platform/google/vertex-jobs.ts';
import { textReply } from '../support/gemini-replies.ts';

const TOKEN = 'test-token';

const REQUEST: ModelRequest = {
  kind: 'json',
  model: 'fake-text',
  system: 'Be exact.',
  parts: [{ text: 'What is this?' }, { file: { sha256: 'a'.repeat(64), mimeType: 'image/png', bytes: 9 } }],
  jsonSchema: { type: 'object', properties: { colour: { type: ['string', 'null'], enum: ['red', null] } } },
};

interface FakeJob {
  name: string;
  displayName: string;
  body: { inputConfig: unknown; outputConfig: unknown; model: string };
  state: string;
}

/** Vertex AI's batchPredictionJobs, as far as they are used, and objects in memory. */
async function fakeVertex() {
  const jobs: FakeJob[] = [];
  const objects = new Map<string, Uint8Array>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    expect(request.headers.authorization).toBe(`Bearer ${TOKEN}`);
    const described = ({ name, displayName, state }: FakeJob) => ({
      ...{ name, displayName, state },
      completionStats: { successfulCount: '1', failedCount: '1' },
      outputInfo: { gcsOutputDirectory: 'gs://bucket/waves/token_answers/run-1' },
    });
    if (path.endsWith('/batchPredictionJobs') && request.method === 'POST') {
      const body = JSON.parse(Buffer.concat(chunks).toString());
      const name = `projects/p/locations/global/batchPredictionJobs/${jobs.length + 1}`;
      const job = { name, displayName: body.displayName, body, state: 'JOB_STATE_PENDING' };
      jobs.push(job);
      return answer(200, described(job));
    }
    if (path.endsWith('/batchPredictionJobs'))
      return answer(200, { batchPredictionJobs: jobs.toReversed().map(described) });
    const job = jobs.find(({ name }) => path.replace(/:cancel$/, '').endsWith(name));
    if (job === undefined) return answer(404, { error: { code: 404, message: 'no such job', status: 'NOT_FOUND' } });
    if (path.endsWith(':cancel')) job.state = 'JOB_STATE_CANCELLING';
    return answer(200, path.endsWith(':cancel') ? {} : described(job));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const storage = {
    list: (root: string) =>
      Promise.resolve(
        [...objects]
          .filter(([uri]) => uri.startsWith(root))
          .map(([uri, bytes]) => ({ uri, path: uri, bytes: bytes.length, modifiedAt: 0 })),
      ),
    readPart: (uri: string, { start, maxBytes }: { start: number; maxBytes: number }) =>
      Promise.resolve((objects.get(uri) ?? new Uint8Array()).subarray(start, start + maxBytes)),
    async write(uri: string, content: unknown) {
      const parts: Uint8Array[] = [];
      for await (const part of content as AsyncIterable<Uint8Array>) parts.push(part);
      objects.set(uri, Buffer.concat(parts));
    },
  };
  const files = { open: () => Promise.reject(new Error('no file is read')), readPart: storage.readPart };
  const pictures = { uriOf: ({ sha256 }: { sha256: string }) => Promise.resolve(`gs://bucket/objects/${sha256}`) };
  const authClient = { getRequestHeaders: async () => new Headers({ authorization: `Bearer ${TOKEN}` }) };
  const auth = { kind: 'vertex', project: 'p', location: 'global', authClient } as unknown as VertexJobsOptions['auth'];
  return { jobs, objects, api: vertexJobs({ auth, baseUrl, files, storage, pictures, folder: 'gs://bucket/waves' }) };
}

it('writes a call with its picture named, its schema in older words and its key as a label', async () => {
  const { api } = await fakeVertex();
  const line = JSON.parse(await api.line({ key: 'abc', request: REQUEST }));
  expect(line.request).toMatchObject({
    contents: [
      {
        parts: [
          { text: 'What is this?' },
          { fileData: { fileUri: `gs://bucket/objects/${'a'.repeat(64)}`, mimeType: 'image/png' } },
        ],
      },
    ],
    systemInstruction: { parts: [{ text: 'Be exact.' }] },
    labels: { key: 'abc' },
    generationConfig: {
      responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: { colour: { type: 'STRING', nullable: true, enum: ['red'] } } },
    },
  });
});

it('makes a job over objects, finds it by its token, and reads what it answered by label', async () => {
  const { api, jobs, objects } = await fakeVertex();
  objects.set('/local/calls.jsonl', Buffer.from('{"request":{}}\n'));
  const place = await api.upload({ uri: '/local/calls.jsonl', token: 'token', model: 'fake-text' });
  expect(place).toBe('gs://bucket/waves/token.jsonl');
  expect(await api.upload({ uri: 'gs://output/b/calls.jsonl', token: 't', model: 'm' })).toBe(
    'gs://output/b/calls.jsonl',
  );
  const { name } = await api.create({ token: 'token', model: 'fake-text', place });
  expect(jobs[0]?.body).toMatchObject({
    model: expect.stringContaining('models/fake-text'),
    inputConfig: { instancesFormat: 'jsonl', gcsSource: { uris: [place] } },
    outputConfig: {
      predictionsFormat: 'jsonl',
      gcsDestination: { outputUriPrefix: 'gs://bucket/waves/token_answers' },
    },
  });
  expect(await api.find('token', 'fake-text')).toMatchObject([{ name }]);
  expect(await api.find('another', 'fake-text')).toEqual([]);
  expect(await api.get(name)).toEqual({ name, state: 'pending', completed: 2 });
  await api.cancel(name);
  expect(await api.get(name)).toMatchObject({ state: 'cancelling' });
  expect(await api.get('projects/p/locations/global/batchPredictionJobs/99')).toMatchObject({ state: 'lost' });

  const request = (key: string) => ({ contents: [], labels: { key } });
  const lines = [
    { request: request('one'), status: '', response: textReply('{"colour":"red"}') },
    { request: request('two'), status: 'Bad Request: picture', response: {} },
  ].map((line) => `${JSON.stringify(line)}\n`);
  objects.set('gs://bucket/waves/token_answers/run-1/predictions.jsonl', Buffer.from(lines.join('')));
  const read: string[] = [];
  for await (const part of await api.results({ name, state: 'succeeded' })) read.push(Buffer.from(part).toString());
  const [one, two] = await Promise.all(
    read
      .join('')
      .trim()
      .split('\n')
      .map((line) => api.read(line)),
  );
  expect(one?.key).toBe('one');
  expect(one?.answerTo(REQUEST)).toMatchObject({ text: '{"colour":"red"}' });
  expect(two?.key).toBe('two');
  expect(() => two?.answerTo(REQUEST)).toThrow(/Bad Request/);
});
