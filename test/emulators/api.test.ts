import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiContract } from '../contract/api.ts';
import { writePhotos } from '../support/cli.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { respondToFidelity } from '../support/fidelity-responder.ts';
import { gate } from '../support/gate.ts';
import { startGeminiServer } from '../support/gemini-server.ts';
import { upload } from '../support/mirror-folder.ts';
import { BUCKETS, startStack } from '../support/stack.ts';
import { makeHome } from '../support/temp-home.ts';

const TOKEN = 'a-token-for-tests';

describeEmulated('the api function: HTTP API', () => {
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
    return {
      ...{ url: stack.functions.api.url, token: TOKEN, watchers: 30 },
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
});
