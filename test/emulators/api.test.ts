import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { apiContract } from '../contract/api.ts';
import { apiClient } from '../support/api-client.ts';
import { writePhotos } from '../support/cli.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { respondToFidelity } from '../support/fidelity-responder.ts';
import { gate } from '../support/gate.ts';
import { startGeminiServer } from '../support/gemini-server.ts';
import { upload } from '../support/mirror-folder.ts';
import { BUCKETS, startStack } from '../support/stack.ts';
import { makeHome } from '../support/temp-home.ts';

const TOKEN = 'a-token-for-tests';
/** Secrets, and where in the code something failed. */
const LEAKS = /a-token-for-tests|node_modules|&nbsp;at |\n\s+at |\.ts:\d/;

describeEmulated('the api function: HTTP API', () => {
  let url: string;
  apiContract(async () => {
    const calls = gate();
    const home = await makeHome();
    const gemini = await startGeminiServer({
      async respond(call) {
        await calls.passed();
        return respondToFidelity(call);
      },
    });
    const stack = await startStack({
      cwd: home.path,
      env: { GEMINI_API_KEY: 'test', GOOGLE_GEMINI_BASE_URL: gemini.url, API_TOKEN: TOKEN },
      backoff: { least: 0.2, most: 2 },
    });
    await stack.ready();
    url = stack.functions.api.url;
    return {
      ...{ url: stack.functions.api.url, token: TOKEN, watchers: 20 },
      async photos(folder, names) {
        const local = join(home.path, folder);
        mkdirSync(local);
        writePhotos(local, names);
        const bucket = `${stack.storage.url}/${BUCKETS.catalogue}`;
        for (const name of names) await upload(bucket, `${folder}/${name}`, readFileSync(join(local, name)));
        return `gs://${BUCKETS.catalogue}/${folder}/`;
      },
      hold: calls.shut,
      release: calls.open,
      paid: () => gemini.counts.paid,
      async close() {
        calls.open();
        await stack.stop();
        await gemini.close();
        await home.remove();
      },
    };
  });

  it('gives a hostile client the right answers, and nothing else', async () => {
    const api = await apiClient(url, TOKEN);
    const [batch = { batch_id: '' }] = (await api.get('/api/batches')).body.batches;
    const asked = async (path: string) => {
      const answer = await api.fetch(path, { headers: { accept: 'application/json' } });
      expect(await answer.text()).not.toMatch(LEAKS);
      return answer.status;
    };
    const items = `/api/batches/${batch.batch_id}/items`;
    for (const id of [
      '',
      '.',
      '%2e%2e',
      'a%2fb%2fc',
      '__x__',
      '%00',
      'x'.repeat(2000),
      `${batch.batch_id}%2fitems%2fx`,
    ]) {
      expect(await asked(`/api/batch/status?batch_id=${id}`), id).toBe(404);
      if (id.length > 1 && id !== '%2e%2e') expect(await asked(`/api/batches/${id}`), id).toBe(404);
      expect(await asked(`/api/batches?cursor=${id}`), id).toBe(200);
      expect([200, 400], id).toContain(await asked(`${items}?cursor=${id}`));
      expect(await asked(`${items}/${id || 'x'}x`), id).toBe(404);
    }
    for (const path of ['..%2f..%2fwork%2fx', '%252e%252e%252fx', 'report.html%00', 'nothing.png', 'x'.repeat(1100)]) {
      expect(await asked(`/api/batches/${batch.batch_id}/files/${path}`), path).toBe(404);
    }
    const post = (body: string) =>
      api.fetch('/api/batch/estimate', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const buckets = ['output', 'work', 'other', 'catalogue-2'].map((name) => `gs://${name}/x`);
    for (const place of [
      ...buckets,
      '/etc/passwd',
      'file:///etc',
      'http://169.254.169.254/',
      'gs://catalogue/(a+)+b',
    ]) {
      const answer = await post(JSON.stringify({ prefix: place }));
      expect({ place, status: answer.status }).toEqual({ place, status: 400 });
    }
    for (const [body, status] of [
      ['{', 400],
      ['{"prefix":', 400],
      [`{"name":"${'x'.repeat(600_000)}"}`, 413],
      ['['.repeat(1000), 400],
    ] as const) {
      const answer = await post(body);
      expect({ body: body.slice(0, 20), status: answer.status }).toEqual({ body: body.slice(0, 20), status });
      expect(await answer.text()).not.toMatch(LEAKS);
    }
    expect((await api.fetch('/api/batch/status', { method: 'HEAD' })).status).toBe(200);
    expect((await api.bare('/api/batch/start', { method: 'POST' })).status).toBe(401);
    expect((await api.bare('/healthz')).status).toBe(200);
  });
});
