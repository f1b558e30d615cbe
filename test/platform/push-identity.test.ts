import { createSign, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PushIdentityOptions, pushIdentity } from '../../functions/platform/google/push-identity.ts';

const AUDIENCE = 'https://process.example/';
const ACCOUNT = 'pusher@project.iam.gserviceaccount.com';

const google = keys();
const stranger = keys();
let certificates: string;
let server: ReturnType<typeof createServer>;
beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ k1: google.publicKey }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  certificates = `http://127.0.0.1:${(server.address() as AddressInfo).port}/certs`;
});
afterAll(() => void server.close());

const claims = () => {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: 'https://accounts.google.com',
    aud: AUDIENCE,
    email: ACCOUNT,
    email_verified: true,
    iat: now,
    exp: now + 3600,
  };
};

it('lets the account push that the audience was made for', async () => {
  expect(await look(token(claims()))).toBeUndefined();
  expect(await look(token(claims()), { audiences: ['https://other/', AUDIENCE] })).toBeUndefined();
  expect(await look(token({ ...claims(), email: 'someone@else' }), { serviceAccount: undefined })).toBeUndefined();
});

it.each<[string, () => string | undefined]>([
  ['nothing', () => undefined],
  ['another scheme', () => `Basic ${token(claims())}`],
  ['no token', () => 'Bearer abc'],
  ['another audience', () => bearer({ ...claims(), aud: 'https://other/' })],
  ['another account', () => bearer({ ...claims(), email: 'someone@else' })],
  ['an account that is not proved', () => bearer({ ...claims(), email_verified: false })],
  ['another issuer', () => bearer({ ...claims(), iss: 'https://evil.example' })],
  ['a time that is over', () => bearer({ ...claims(), iat: claims().iat - 9000, exp: claims().iat - 5000 })],
  ['the signature of another', () => `Bearer ${token(claims(), { key: stranger.privateKey })}`],
  ['a key that Google does not have', () => `Bearer ${token(claims(), { kid: 'k2' })}`],
  ['no signature', () => `Bearer ${token(claims(), { alg: 'none' }).replace(/[^.]*$/, '')}`],
])('refuses %s, without repeating it', async (_, authorization) => {
  const given = authorization();
  const refusal = await identity()(given);
  expect(refusal).toMatch(/^it(s token is| has no bearer token)/);
  if (given !== undefined) expect(refusal).not.toContain(given.slice(8, 28));
});

it('fails when there are no certificates', async () => {
  const endpoints = { oauth2FederatedSignonPemCertsUrl: 'http://127.0.0.1:1/' };
  await expect(look(token(claims()), { endpoints })).rejects.toThrow();
});

function look(jwt: string, options: Record<string, unknown> = {}): Promise<string | undefined> {
  return identity(options)(`Bearer ${jwt}`);
}

function identity(options: Record<string, unknown> = {}) {
  const endpoints = { oauth2FederatedSignonPemCertsUrl: certificates };
  const all = { audiences: [AUDIENCE], serviceAccount: ACCOUNT, endpoints, ...options };
  return pushIdentity(all as PushIdentityOptions);
}

function bearer(payload: object): string {
  return `Bearer ${token(payload)}`;
}

function token(payload: object, { kid = 'k1', alg = 'RS256', key = google.privateKey } = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg, kid, typ: 'JWT' })}.${part(payload)}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key).toString('base64url')}`;
}

function keys() {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
