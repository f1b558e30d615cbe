import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { httpWorld } from '../support/http-world.ts';

/** Of a page with all that it loads, without pictures. */
const MOST_BYTES = 150_000;

describe('the pages of the dashboard', () => {
  it.each(['/', '/start', '/batches/some'])('%s is light and runs no inline code', async (path) => {
    const world = await httpWorld([]);
    const page = await world.fetch(path);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const text = await page.text();
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|style="/);
    const seen = new Set<string>();
    let bytes = text.length;
    const load = async (address: string): Promise<void> => {
      if (seen.has(address)) return;
      seen.add(address);
      const asset = await world.fetch(address);
      expect(asset.status, address).toBe(200);
      const content = await asset.text();
      bytes += content.length;
      for (const [, name] of content.matchAll(/from '\.\/([\w-]+\.js)'/g)) await load(`/assets/${name}`);
    };
    for (const [, address = ''] of text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) await load(address);
    expect(seen.size).toBeGreaterThan(5);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  it('are the page to sign in for who has no token, and nothing but styles and scripts is open', async () => {
    const world = await httpWorld([], { token: 'secret' });
    const page = await world.fetch('/batches/some');
    expect(page.status).toBe(401);
    expect(await page.text()).toContain('<title>Sign in');
    const known = await world.fetch('/', { headers: { authorization: 'Bearer secret' } });
    expect([known.status, (await known.text()).includes('Sign out')]).toEqual([200, true]);
    expect((await world.fetch('/assets/styles.css')).status).toBe(200);
    for (const name of ['..%2fdashboard-page.ts', '%2e%2e%2fpage.css', 'page.css', '__proto__', 'none.js']) {
      const answer = await world.fetch(`/assets/${name}`);
      expect(answer.status, name).toBe(404);
      expect(await answer.json()).toMatchObject({ error: { code: 'not_found' } });
    }
    expect((await world.fetch('/api/places')).status).toBe(401);
  });

  it('have scripts that a browser asks for anew but does not load again', async () => {
    const world = await httpWorld([]);
    const first = await world.fetch('/assets/shared.js');
    expect(first.headers.get('content-type')).toContain('text/javascript');
    const etag = first.headers.get('etag') ?? '';
    const again = await world.fetch('/assets/shared.js', { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });
});

describe('places', () => {
  it('are shown with their folders and files, however much lies in them', async () => {
    const world = await httpWorld(['b.png', 'z.png']);
    for (let n = 0; n < 60; n += 1) {
      mkdirSync(join(world.photos, 'many', `x${n % 2}`), { recursive: true });
      writeFileSync(join(world.photos, 'many', `x${n % 2}`, `${n}.png`), 'x');
    }
    mkdirSync(join(world.photos, 'last', 'deep'), { recursive: true });
    writeFileSync(join(world.photos, 'last', 'deep', 'one.png'), 'x');
    const places = async (place: string) => (await world.get(`/api/places?place=${encodeURIComponent(place)}`)).body;
    expect((await world.get('/api/places')).body).toMatchObject({ place: null, folders: [{ place: world.photos }] });
    const top = await places(world.photos);
    expect(top).toMatchObject({ place: world.photos, parent: null, more: false });
    expect(top.folders.map(({ name }: { name: string }) => name)).toEqual(['last', 'many']);
    expect(top.files.map(({ name }: { name: string }) => name)).toEqual(['b.png', 'z.png']);
    const inner = await places(top.folders[1].place);
    expect(inner).toMatchObject({ parent: world.photos, files: [] });
    expect(inner.folders.map(({ name }: { name: string }) => name)).toEqual(['x0', 'x1']);
  });

  it('outside of what may be read are refused', async () => {
    const world = await httpWorld([]);
    for (const place of ['/etc', 'file:///etc', 'gs://other/x']) {
      const answer = await world.get(`/api/places?place=${encodeURIComponent(place)}`);
      expect([answer.status, answer.body.error.code]).toEqual([400, 'usage']);
    }
    expect((await world.get(`/api/places?place=${encodeURIComponent(join(world.photos, 'none'))}`)).status).toBe(404);
  });
});
