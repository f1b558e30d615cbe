import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEmulated } from '../support/describe-emulated.ts';
import { type Emulator, startFirestoreEmulator } from '../support/emulators.ts';
import { INFRA } from '../support/terraform.ts';

const PROJECT = 'demo-rules';

/** The emulator takes tokens without a signature; nobody at all has none. */
const PASSWORD = tokenFor('password');
const ANONYMOUS = tokenFor('anonymous');

describeEmulated('The rules of Firestore', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startFirestoreEmulator();
    const content = readFileSync(join(INFRA, 'firestore.rules'), 'utf8');
    const loaded = await fetch(`http://${emulator.host}/emulator/v1/projects/${PROJECT}:securityRules`, {
      method: 'PUT',
      body: JSON.stringify({ rules: { files: [{ name: 'firestore.rules', content }] } }),
    });
    expect(await loaded.json()).toEqual({});
    // `owner` is how the emulator knows a service account.
    for (const path of [...SHOWN, ...HIDDEN]) expect(await write(path, 'owner')).toBe(200);
  });
  afterAll(() => emulator.stop());

  const SHOWN = ['batches/b', 'batches/b/items/i', 'batches/b/shards/0'];
  const HIDDEN = [
    'batches/b/items/i/steps/0-describe',
    'batches/b/items/i/detail/outcome',
    'batches/b/names/n',
    'works/w',
  ];

  it.each(SHOWN)('let signed-in people read %s', async (path) => {
    expect(await read(path, PASSWORD)).toBe(200);
    expect(await read(path, ANONYMOUS)).toBe(403);
    expect(await read(path)).toBe(403);
  });

  it.each(HIDDEN)('show %s to nobody', async (path) => {
    expect(await read(path, PASSWORD)).toBe(403);
  });

  it.each([...SHOWN, ...HIDDEN])('let nobody write %s', async (path) => {
    expect(await write(path, PASSWORD)).toBe(403);
    expect(await write(path)).toBe(403);
    expect(await request('DELETE', path, PASSWORD)).toBe(403);
  });

  const read = (path: string, token?: string) => request('GET', path, token);
  const write = (path: string, token?: string) => request('PATCH', path, token);

  async function request(method: string, path: string, token?: string): Promise<number> {
    const url = `http://${emulator.host}/v1/projects/${PROJECT}/databases/(default)/documents/${path}`;
    const response = await fetch(url, {
      method,
      ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
      ...(method === 'PATCH' && { body: JSON.stringify({ fields: { seen: { booleanValue: true } } }) }),
    });
    await response.text();
    return response.status;
  }
});

function tokenFor(provider: string): string {
  const part = (content: unknown) => Buffer.from(JSON.stringify(content)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part({ sub: 'ada', aud: PROJECT, firebase: { sign_in_provider: provider } })}.`;
}
