import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { listen } from '../../functions/commands/serve-http.ts';
import { httpWorld } from '../support/http-world.ts';
import { tempHome } from '../support/temp-home.ts';

const GENERATOR = fileURLToPath(import.meta.resolve('openapi-typescript-codegen/bin/index.js'));
const TOKEN = 'a-token-for-tests';

/** What is used here of the code that is generated. */
interface Generated {
  OpenAPI: { BASE: string; TOKEN: string };
  ApiError: new () => Error & { status: number; body: { error: { code: string } } };
  DefaultService: {
    startBatch(body: { prefix: string; name?: string }): Promise<{ batch_id: string; image_count: number }>;
    batchStatus(batchId: string): Promise<{ state: string; counts: { passed: number; failed: number } }>;
    listItems(id: string, limit: number): Promise<{ items: { name: string; status: string }[] }>;
    cancelBatch(body: { batch_id: string }): Promise<unknown>;
  };
}

it('is spoken by a client that a public generator makes of its description', async () => {
  const world = await httpWorld(['a-first.png', 'b-never.png'], { token: TOKEN });
  const { url, untilClosed } = await listen(world.app, { host: '127.0.0.1', port: 0 }, world.options);
  void untilClosed();
  const output = join(await tempHome(), 'client');
  const document = await (await fetch(`${url}/openapi.json`, { headers: { authorization: `Bearer ${TOKEN}` } })).json();
  const input = join(world.root, 'openapi.json');
  writeFileSync(input, JSON.stringify(document));
  execFileSync(process.execPath, [GENERATOR, '--input', input, '--output', output]);

  const { OpenAPI, ApiError, DefaultService: api }: Generated = await import(join(output, 'index.ts'));
  Object.assign(OpenAPI, { BASE: url, TOKEN });
  const { batch_id: id, image_count: count } = await api.startBatch({ prefix: world.photos, name: 'Generated' });
  expect(count).toBe(2);
  expect(await api.batchStatus(id)).toMatchObject({ state: 'running' });
  await world.work();
  expect(await api.batchStatus(id)).toMatchObject({ state: 'finished', counts: { passed: 1, failed: 1 } });
  const { items } = await api.listItems(id, 10);
  expect(items.map(({ name, status }) => [name, status]).sort()).toEqual([
    ['a-first.png', 'passed'],
    ['b-never.png', 'failed'],
  ]);
  const refused = await api.cancelBatch({ batch_id: id }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ApiError);
  expect(refused).toMatchObject({ status: 409, body: { error: { code: 'wrong_state' } } });
});
