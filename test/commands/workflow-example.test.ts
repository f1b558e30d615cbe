import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { cliWorld, writePhotos } from '../support/cli.ts';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));
const TOKEN = 'a-token-for-tests';

/** The script of the workflow in the README, as it stands there. */
function workflowScript(): string {
  const [, yaml = ''] = /```yaml\n(name: Proof sheet\n[\s\S]*?)```/.exec(readFileSync(README, 'utf8')) ?? [];
  const { jobs } = parse(yaml) as { jobs: Record<string, { steps: { run?: string }[] }> };
  const script = jobs['proof-sheet']?.steps.find(({ run }) => run !== undefined)?.run;
  if (script === undefined) throw new Error('There is no workflow in the README.');
  return script;
}

function missingTool(): string | undefined {
  return ['bash', 'curl', 'jq'].find((tool) => {
    try {
      execFileSync('which', [tool]);
      return false;
    } catch {
      return true;
    }
  });
}

async function runScript(folder: string, env: Record<string, string>) {
  mkdirSync(folder);
  const summary = join(folder, 'summary.md');
  writeFileSync(summary, '');
  const path = process.env.PATH ?? '';
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', workflowScript()], {
    cwd: folder,
    env: { PATH: path, POLL_SECONDS: '0.2', GITHUB_STEP_SUMMARY: summary, PROOFSHEET_TOKEN: TOKEN, ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  const [code] = await once(child, 'close');
  return { code, said, read: (name: string) => readFileSync(join(folder, name), 'utf8') };
}

describe('the workflow in the README', () => {
  it('waits for a batch, keeps its results, and fails below the pass rate', async (context) => {
    const missing = missingTool();
    if (missing !== undefined) context.skip(`${missing} is not installed`);
    const world = await cliWorld(['good/a-first.png', 'good/b-second.png'], {}, { env: { API_TOKEN: TOKEN } });
    writePhotos(world.photos, ['mixed/a-first.png', 'mixed/b-never.png']);
    const server = world.start('serve', '--port', '0', '--root', world.photos, '--output-dir', world.output);
    const [, url = ''] = await server.noted(/Serving (\S+);/);
    const run = (name: string, env: Record<string, string>) =>
      runScript(join(world.root, `job-${name}`), { PROOFSHEET_URL: url, PREFIX: name, MIN_PASS_RATE: '0.9', ...env });

    const good = await run('good', {});
    expect({ code: good.code, said: good.said }).toEqual({ code: 0, said: expect.stringContaining('Pass rate 1') });
    expect(good.read('results.xml')).toContain('<testsuite name="good" tests="2" failures="0"');
    expect(good.read('summary.md')).toContain('a-first.png');
    const mixed = await run('mixed', {});
    expect({ code: mixed.code, said: mixed.said }).toEqual({
      code: 1,
      said: expect.stringContaining('::error::Pass rate 0.5 is below 0.9'),
    });
    expect(mixed.read('results.xml')).toContain('failures="1"');
    const refused = await run('nowhere', {});
    expect({ code: refused.code, said: refused.said }).toEqual({
      code: 1,
      said: expect.stringContaining('There is no'),
    });
    const stranger = await run('stranger', { PROOFSHEET_TOKEN: 'another' });
    expect({ code: stranger.code, said: stranger.said }).toMatchObject({
      code: 1,
      said: expect.stringContaining('401'),
    });
    expect(stranger.said).not.toContain(TOKEN);
  });
});
