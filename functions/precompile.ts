import { globSync } from 'node:fs';
import { flushCompileCache, getCompileCacheDir } from 'node:module';

// A step of the build: loads all that the functions load, so that its compiled form lies in the image, in the folder
// NODE_COMPILE_CACHE. Without it, every new instance strips types and compiles anew, which doubles the time of its first answer.

/** What only the command line loads, and this file. */
const NOT_DEPLOYED = ['cli.ts', 'commands/**', 'precompile.ts'];

/** Packages that are loaded by the name of their entry, and the server of the functions framework. */
const PACKAGES = [
  '@google-cloud/firestore',
  '@google-cloud/functions-framework/testing',
  '@google-cloud/pubsub',
  '@google-cloud/storage',
  '@google/genai',
  '@hono/node-server',
  'google-auth-library',
];

const here = new URL('.', import.meta.url);
const own = globSync('**/*.ts', { cwd: here, exclude: NOT_DEPLOYED }).map((file) => new URL(file, here).href);
for (const module of [...PACKAGES, ...own]) await import(module);
flushCompileCache();
process.stdout.write(
  `${own.length} files compiled ahead into ${getCompileCacheDir() ?? 'nothing: NODE_COMPILE_CACHE is not set'}\n`,
);
process.exit(0);
