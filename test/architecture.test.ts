import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../functions', import.meta.url));

/** What the files of a folder may import: folders, single files, `type:` for types only, or packages (`npm:` and `node:`). */
const MAY_IMPORT: [folder: string, allowed: string[]][] = [
  ['lib', ['lib', 'node:', 'npm:']],
  ['domain', ['domain', 'lib/hash.ts', 'npm:zod', 'npm:picomatch']],
  ['media', ['media', 'domain', 'lib', 'node:', 'npm:sharp', 'npm:file-type', 'npm:p-limit']],
  ['platform/ports.ts', ['type:domain', 'type:platform/limit-ports.ts', 'type:platform/wave-ports.ts']],
  ['platform/limit-ports.ts', ['type:domain']],
  ['platform/wave-ports.ts', ['type:domain']],
  [
    'platform/google',
    [
      'platform/google',
      'platform/ports.ts',
      'platform/limit-ports.ts',
      'platform/wave-ports.ts',
      'domain',
      'lib',
      'node:',
      'npm:@google',
      'npm:@google-cloud',
      'npm:google-auth-library',
      'npm:zod',
    ],
  ],
  [
    'platform/local',
    [
      'platform/local',
      'platform/ports.ts',
      'platform/limit-ports.ts',
      'platform/wave-ports.ts',
      'domain',
      'media',
      'lib',
      'node:',
      'npm:sharp',
      'npm:zod',
    ],
  ],
  ['engine', ['engine', 'domain', 'lib', 'type:platform/ports.ts', 'type:platform/limit-ports.ts', 'npm:zod']],
  // Prompts are files beside the recipes.
  [
    'recipes',
    ['recipes', 'engine/recipe.ts', 'domain', 'lib', 'npm:zod', 'npm:ajv', 'npm:ajv-formats', 'node:fs', 'node:url'],
  ],
  // Page style and script are files beside the report.
  [
    'report',
    [
      'report',
      'domain',
      'lib',
      'type:platform/ports.ts',
      'npm:hono',
      'npm:tar-stream',
      'npm:yazl',
      'npm:zod',
      'node:fs',
      'node:stream',
      'node:url',
    ],
  ],
  [
    'app',
    [
      'app',
      'engine',
      'recipes/index.ts',
      'recipes/propose-prompt.ts',
      'report',
      'media',
      'domain',
      'lib',
      'type:platform/ports.ts',
      'type:platform/limit-ports.ts',
      'type:platform/wave-ports.ts',
      'npm:p-limit',
      'npm:zod',
    ],
  ],
  [
    'commands',
    [
      'commands',
      'app',
      'domain',
      'report',
      'lib',
      'type:settings.ts',
      'type:platform/ports.ts',
      // `serve` puts the API behind a port.
      'handlers/http.ts',
      'npm:',
      'node:',
    ],
  ],
  ['dashboard', ['dashboard', 'report', 'node:fs', 'npm:hono']],
  ['handlers', ['handlers', 'app', 'dashboard', 'domain', 'report', 'lib', 'type:settings.ts', 'npm:hono', 'npm:zod']],
  ['settings.ts', ['domain', 'lib', 'node:', 'npm:zod']],
  ['precompile.ts', ['node:']],
  [
    'index.ts',
    [
      'settings.ts',
      'handlers',
      'platform',
      'app/app.ts',
      'domain/errors.ts',
      'lib',
      'npm:@google-cloud/functions-framework',
      'npm:@hono/node-server',
    ],
  ],
  [
    'cli.ts',
    ['settings.ts', 'commands', 'platform/local', 'platform/google', 'app', 'domain/errors.ts', 'lib', 'npm:', 'node:'],
  ],
];

interface Import {
  target: string;
  typeOnly: boolean;
}

const files = sourceFiles(ROOT);
const imports = new Map(files.map((file) => [file, importsOf(file)]));

describe('the architecture', () => {
  it.each(files)('%s imports only what its folder may', (file) => {
    const rule = MAY_IMPORT.find(([folder]) => file === folder || file.startsWith(`${folder}/`));
    expect(rule, 'every file belongs to a folder of the layout').toBeDefined();
    const forbidden = (imports.get(file) ?? []).filter((one) => !rule?.[1].some((allowed) => permits(allowed, one)));
    expect(forbidden.map(({ target }) => target)).toEqual([]);
  });

  it('has no import cycles', () => {
    expect(findCycle()).toBeUndefined();
  });

  it('keeps source files at 300 lines or less', () => {
    const long = files.filter((file) => text(file).split('\n').length > 301);
    expect(long).toEqual([]);
  });

  it('reads the environment in settings.ts only', () => {
    expect(files.filter((file) => file !== 'settings.ts' && /process\.env/.test(code(file)))).toEqual([]);
  });

  it('takes time and chance from the platform only', () => {
    const roots = ['cli.ts', 'index.ts'];
    const allowed = (file: string) => file.startsWith('platform/') || roots.includes(file);
    const used = /Date\.now\(|Math\.random\(|\bsetTimeout\(|\bsetInterval\(|new Date\(\)|performance\.now\(/;
    expect(files.filter((file) => !allowed(file) && used.test(code(file)))).toEqual([]);
  });

  it('has no barrels and no default exports', () => {
    expect(files.filter((file) => /^export (\*|default)/m.test(code(file)))).toEqual([]);
  });

  it('has a true code map', () => {
    const readme = text('README.md');
    const map = readme.slice(readme.indexOf('## Code map'), readme.indexOf('\n## ', readme.indexOf('## Code map') + 1));
    const mapped = [...map.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]);
    expect(mapped.toSorted()).toEqual(files.toSorted());
  });
});

function sourceFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sourceFiles(path);
    return name.endsWith('.ts') ? [relative(ROOT, path)] : [];
  });
}

function text(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** Without comments. */
function code(file: string): string {
  return text(file).replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
}

function importsOf(file: string): Import[] {
  const pattern =
    /^(?:import|export)\s+(type\s+)?([^;]*?)\s*from\s+'([^']+)'|\bimport\('([^']+)'\)|^import\s+'([^']+)'/gm;
  return [...text(file).matchAll(pattern)].map(([, type, names, from, lazy, bare]) => {
    const specifier = from ?? lazy ?? bare ?? '';
    const target = specifier.startsWith('.')
      ? relative(ROOT, join(ROOT, dirname(file), specifier))
      : packageOf(specifier);
    const everyNameIsType =
      /^\{[^}]*\}$/.test(names ?? '') &&
      (names ?? '')
        .slice(1, -1)
        .split(',')
        .every((name) => name.trim() === '' || name.trim().startsWith('type '));
    return { target, typeOnly: type !== undefined || everyNameIsType };
  });
}

function packageOf(specifier: string): string {
  return specifier.startsWith('node:') ? specifier : `npm:${specifier}`;
}

function permits(allowed: string, { target, typeOnly }: Import): boolean {
  if (allowed.startsWith('type:')) return typeOnly && permits(allowed.slice(5), { target, typeOnly });
  if (allowed.endsWith(':')) return target.startsWith(allowed);
  return target === allowed || target.startsWith(`${allowed}/`);
}

function findCycle(): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const { target, typeOnly } of imports.get(file) ?? []) {
      const cycle = typeOnly ? undefined : visit(target, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of files) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
