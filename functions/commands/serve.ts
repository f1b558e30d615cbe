import { watch } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { App } from '../app/app.ts';
import { batchHost } from '../app/host-batches.ts';
import { checkDropRules, type DropRules } from '../app/ingest-drop.ts';
import { inboxWatch } from '../app/watch-inbox.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import type { Settings } from '../settings.ts';
import type { CommandContext, CommonFlags, OpenApp } from './context.ts';
import { portFrom } from './parse-values.ts';
import { isLoopback, localPlaces } from './serve-places.ts';
import { sayLoudly } from './start-notices.ts';

export interface ServeFlags extends CommonFlags {
  port: number;
  host: string;
  root?: string[];
  inbox?: string;
  outputDir?: string;
  simulate?: boolean;
}

/** What of this machine is served, in full paths. */
interface Served {
  roots: string[];
  inbox: string | undefined;
  outputRoot: string;
  /** Folders of proofsheet itself. */
  own: string[];
  simulated: boolean;
}

/** Characters of a token that others than this machine may try. */
const LEAST_TOKEN = 16;
const RESCAN_MS = 5_000;
/** A file that was just written is taken for whole after this. */
const WHOLE_AFTER_MS = 2_100;

export function serveCommand(context: CommandContext): Command {
  return new Command('serve')
    .description('HTTP API on this machine; works off what is started by it, or dropped into a folder')
    .option('--port <n>', 'where to listen; 0 takes any free port', portFrom, 8080)
    .option('--host <name>', 'address to listen on; other than this machine only with API_TOKEN', '127.0.0.1')
    .option('--root <dir...>', 'folders whose files may be worked on (default: the current folder)')
    .option('--inbox <dir>', 'watched folder: each folder in it becomes a batch')
    .option('--output-dir <dir>', 'results go to a folder of their own in it (default: ./output)')
    .option('--simulate', 'the built-in simulated model instead of Gemini')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ServeFlags>();
      const settings = context.settings(flags);
      const served = await servedBy(context, flags, settings);
      const open = await context.open(settings, served);
      try {
        await serve(context, flags, { open, settings, served });
      } finally {
        await open.close();
      }
    });
}

async function servedBy(context: CommandContext, flags: ServeFlags, settings: Settings): Promise<Served> {
  if (!isLoopback(flags.host)) requireToken(flags.host, settings.api.token);
  const full = (folder: string) => resolve(context.cwd, folder);
  const roots = (flags.root ?? ['.']).map(full);
  for (const root of roots) await requireFolder(root);
  const inbox = flags.inbox === undefined ? undefined : full(flags.inbox);
  if (inbox !== undefined) await mkdir(inbox, { recursive: true }).then(() => requireFolder(inbox));
  const outputRoot = flags.outputDir === undefined ? settings.outputDir : full(flags.outputDir);
  return {
    roots: inbox === undefined ? roots : [...roots, inbox],
    ...{ inbox, outputRoot, own: [outputRoot, settings.home] },
    simulated: flags.simulate === true || settings.gemini.auth === undefined,
  };
}

/** Nothing but the token stands between the network and the money. */
function requireToken(host: string, token: string | undefined): void {
  if (token === undefined) {
    const text = `Everybody who reaches ${host} could start batches; set API_TOKEN, or leave --host out.`;
    throw new ProofsheetError('usage', text);
  }
  if (token.length >= LEAST_TOKEN) return;
  const text = `API_TOKEN could be guessed by whoever reaches ${host}; make one of ${LEAST_TOKEN} characters or more, for example with \`openssl rand -hex 32\`.`;
  throw new ProofsheetError('usage', text);
}

async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw new ProofsheetError('usage', `${path} is no folder; name one that is there.`);
}

async function serve(
  context: CommandContext,
  flags: ServeFlags,
  { open, settings, served }: { open: OpenApp; settings: Settings; served: Served },
): Promise<void> {
  const { app, deliveries } = open;
  const rules = served.inbox === undefined ? undefined : dropRules(settings, served, open, served.inbox);
  if (rules !== undefined) checkDropRules(app, rules);
  const host = batchHost(app, deliveries);
  // Loaded here, because no other command needs it.
  const { listen } = await import('./serve-http.ts');
  const server = await listen(app, flags, {
    ...settings.api,
    encoders: settings.recipe,
    start: {
      run: runSettings(settings),
      outputRoot: served.outputRoot,
      simulated: served.simulated,
      maxRunning: settings.api.maxRunningBatches,
      recipeSettings: (given) => ({ ...settings.recipe, ...given, ...fixedSettings(open, served) }),
      placeOf: localPlaces(served),
      within: served.roots,
      everything: served.inbox,
      exclude: served.own,
      maxFileBytes: settings.maxFileBytes,
      takeOn: host.takeOn,
    },
  });
  if (served.simulated) sayLoudly(context, settings);
  context.note(`Serving ${server.url}; Ctrl-C ends it.`);
  if (served.inbox !== undefined) context.note(`Watching ${served.inbox}`);
  if (flags.json) context.out(JSON.stringify({ url: server.url, inbox: served.inbox ?? null }));
  await Promise.all([host.run(), server.untilClosed(), rules && watchInbox(app, rules)]);
}

function runSettings({ maxConcurrent, maxRetries, timeoutMs }: Settings): DropRules['run'] {
  return { lane: 'standard', maxConcurrent, maxRetries, timeoutMs };
}

function fixedSettings({ simulatedSettings }: OpenApp, { simulated }: Served): Record<string, unknown> {
  return simulated ? simulatedSettings : {};
}

function dropRules(settings: Settings, served: Served, open: OpenApp, inbox: string): DropRules {
  const { outputRoot, simulated, own } = served;
  return {
    ...{ inbox, outputRoot, simulated, exclude: own, ...settings.drop },
    ...{ recipe: 'fidelity', recipeSettings: settings.recipe, fixedSettings: fixedSettings(open, served) },
    run: runSettings(settings),
    maxFileBytes: settings.maxFileBytes,
  };
}

/** Events of the folder only say when to look sooner: some file systems send none, and none send all. */
async function watchInbox(app: App, rules: DropRules): Promise<void> {
  const inbox = inboxWatch(app, rules);
  let news = new AbortController();
  try {
    const watcher = watch(rules.inbox, { recursive: true, signal: app.stop }, () => news.abort());
    watcher.on('error', () => undefined);
  } catch {
    app.log.warn({ inbox: rules.inbox }, 'the inbox sends no events; it is looked at every few seconds');
  }
  while (!app.stop.aborted) {
    news = new AbortController();
    try {
      await inbox.look();
    } catch (thrown) {
      const { code, message } = asProofsheetError(thrown);
      app.log.error({ code, error: message }, 'the inbox could not be looked at');
    }
    const rest = AbortSignal.any([app.stop, news.signal]);
    await app.clock.sleep(RESCAN_MS, rest).catch(() => undefined);
    if (news.signal.aborted) await app.clock.sleep(WHOLE_AFTER_MS, app.stop).catch(() => undefined);
  }
}
