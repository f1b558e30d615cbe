import { join } from 'node:path';
import { describe } from 'vitest';
import { apiContract } from '../contract/api.ts';
import { cliWorld, writePhotos } from '../support/cli.ts';
import { respondToFidelity } from '../support/fidelity-responder.ts';
import { gate } from '../support/gate.ts';

describe('proofsheet serve: HTTP API', () => {
  apiContract(async () => {
    const calls = gate();
    const ends: (() => Promise<void> | void)[] = [];
    const world = await cliWorld(
      [],
      {
        async respond(call) {
          await calls.passed();
          return respondToFidelity(call);
        },
      },
      { env: { API_TOKEN: 'a-token-for-tests' }, atEnd: (end) => void ends.push(end) },
    );
    const server = world.start('serve', '--port', '0', '--root', world.photos, '--output-dir', world.output);
    const [, url = ''] = await server.noted(/Serving (\S+);/);
    return {
      ...{ url, token: 'a-token-for-tests', watchers: 200 },
      photos(folder, names) {
        writePhotos(join(world.photos, folder), names);
        return Promise.resolve(join(world.photos, folder));
      },
      hold: calls.shut,
      release: calls.open,
      paid: () => world.server.counts.paid,
      async close() {
        calls.open();
        for (const end of ends.reverse()) await end();
      },
    };
  });
});
