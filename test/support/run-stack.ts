import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadSettings } from '../../functions/settings.ts';
import { missingEmulators } from './emulators.ts';
import { mirrorFolder } from './mirror-folder.ts';
import { BUCKETS, type Stack, startStack } from './stack.ts';

/** `npm run stack -- [--port 8080] [--storage-port 9023] [--inbox inbox]` */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    'storage-port': { type: 'string', default: '9023' },
    inbox: { type: 'string', default: 'inbox' },
  },
});

/** What the functions framework says at its start. */
const GREETING = /^(Serving function|Function: |Signature type: |URL: )/;

const missing = missingEmulators();
if (missing !== undefined) {
  console.error(missing);
  process.exit(1);
}

// The functions read the same variables and the same `.env`.
const { gemini } = loadSettings({ flags: {}, cwd: process.cwd() });
const own = Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS');
const env = Object.fromEntries(own.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
console.log('Starting the emulators and the functions; this takes some seconds …');
const stack = await startStack({
  cwd: process.cwd(),
  env: { ...env, ...(gemini.auth === undefined && { SIMULATE: 'true' }) },
  apiPort: Number(values.port),
  storage: { port: Number(values['storage-port']) },
  hear(name, line) {
    if (!GREETING.test(line)) console.log(`${name.padEnd(9)}${line}`);
  },
});
const inbox = resolve(values.inbox);
const endMirror = mirrorFolder(inbox, `${stack.storage.url}/${BUCKETS.inbox}`, (name) => {
  console.log(`inbox    ${name} is in gs://${BUCKETS.inbox} now`);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    endMirror();
    await stack.stop();
    process.exit(0);
  });
}
await stack.ready();
console.log(welcome(stack));

function welcome({ functions, storage, hosts }: Stack): string {
  const start = `curl -X POST ${functions.api.url}/api/batch/start -H 'content-type: application/json' -d '{"run_all": true}'`;
  return `
API            ${functions.api.url}
Drop folder    ${inbox}  (its content goes to gs://${BUCKETS.inbox})
Cloud Storage  ${storage.url}  (buckets ${Object.values(BUCKETS).join(', ')})
Firestore      ${hosts.firestore}
Pub/Sub        ${hosts.pubsub}
Models         ${gemini.auth === undefined ? 'SIMULATED; set GEMINI_API_KEY for real results' : 'Gemini'}

Start a batch  ${start}
Watch it       curl ${functions.api.url}/api/batch/status
Its report     ${functions.api.url}/api/batch/report

Nothing is kept when this ends (Ctrl-C).
`;
}
