#!/usr/bin/env -S NODE_COMPILE_CACHE=${HOME}/.cache/proofsheet node --max-semi-space-size=8
import { accessSync, appendFileSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command, CommanderError } from 'commander';
import { createLogUpdate } from 'log-update';
import { type App, createApp, LOCAL_ACK_MS, LOCAL_LIMITS } from './app/app.ts';
import { settleDeadLetter } from './app/settle-dead-letter.ts';
import { cancelCommand, exportCommand, listCommand, reportCommand, showCommand } from './commands/batches.ts';
import type { CommandContext, ExitCode, OpenApp, Terminal } from './commands/context.ts';
import { doctorCommand } from './commands/doctor.ts';
import { embedCommand } from './commands/embed.ts';
import { generateCommand } from './commands/generate.ts';
import { resumeCommand, watchCommand } from './commands/resume.ts';
import { estimateCommand, runCommand } from './commands/run.ts';
import { searchCommand } from './commands/search.ts';
import { serveCommand } from './commands/serve.ts';
import { harmless } from './commands/terminal.ts';
import { asProofsheetError, ProofsheetError } from './domain/errors.ts';
import { jsonLog } from './lib/log.ts';
import { productVersion } from './lib/product-version.ts';
import { openGecko, withGecko } from './platform/google/gecko-access.ts';
import { geminiModels } from './platform/google/gemini-models.ts';
import { openJobs } from './platform/google/job-access.ts';
import { stagedPictures } from './platform/google/staged-pictures.ts';
import { type DiskBounds, diskBounds } from './platform/local/disk-bounds.ts';
import { diskFiles } from './platform/local/disk-files.ts';
import { localPlatform } from './platform/local/index.ts';
import { localEncoders } from './platform/local/local-encoders.ts';
import { jobsRouter, modelRouter, SIMULATED_SETTINGS } from './platform/local/model-router.ts';
import { simulatedJobs } from './platform/local/simulated-jobs.ts';
import { simulatedModels } from './platform/local/simulated-models.ts';
import { systemClock } from './platform/local/system-clock.ts';
import { loadSettings, type Settings } from './settings.ts';

const stop = new AbortController();
const screen = terminal();

const context: CommandContext = {
  settings: (flags) => loadSettings({ flags, cwd: process.cwd() }),
  open: (settings, bounds) => Promise.resolve(openLocal(settings, bounds && diskBounds(bounds))),
  cwd: process.cwd(),
  out: (text, options) => void process.stdout.write(options?.raw ? text : `${harmless(text)}\n`),
  note: (text) => screen.say(harmless(text)),
  terminal: screen,
  stop: stop.signal,
  exit: setExitCode,
};

const program = new Command('proofsheet')
  .description(
    'Describes, re-generates, scores and refines product images; every call, verdict and cent accounted for.',
  )
  .version(productVersion())
  .option('--home <dir>', 'where state is kept (default: $PROOFSHEET_HOME or ~/.proofsheet)')
  .option('--config <file>', 'settings file (default: ./proofsheet.yaml)')
  .option('--json', 'machine-readable output')
  .showHelpAfterError('(see --help)')
  .exitOverride();
for (const command of [
  runCommand,
  estimateCommand,
  listCommand,
  showCommand,
  watchCommand,
  resumeCommand,
  cancelCommand,
  exportCommand,
  reportCommand,
  generateCommand,
  serveCommand,
  embedCommand,
  searchCommand,
  doctorCommand,
]) {
  program.addCommand(command(context).copyInheritedSettings(program));
}

stopOnSignals();
// A reader that went away (`| head`) ends the output, and with it the work.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop.abort());
try {
  await program.parseAsync();
} catch (thrown) {
  printFailure(thrown);
}

function openLocal(settings: Settings, bounds?: DiskBounds): OpenApp {
  makeHome(settings.home);
  const files = diskFiles({ home: settings.home, ...(bounds && { bounds }) });
  const { auth, baseUrl } = settings.gemini;
  const gemini = auth && geminiModels({ auth, open: files.open, ...(baseUrl !== undefined && { baseUrl }) });
  const { gecko, unavailable } = openGeckoOf(settings, files);
  const realJobs = openJobs({ auth, baseUrl, files, objects: settings.gecko.bucket });
  const simulated = simulatedModels({ open: files.open });
  const models = modelRouter(
    simulated,
    gemini && withGecko(gemini, gecko),
    localEncoders({ ...settings.embedding, open: files.open }),
  );
  const jobs = jobsRouter(simulatedJobs({ models: simulated, files, clock: systemClock() }), realJobs);
  const log = jsonLog((line) => appendLog(settings.home, line), Date.now, ['warn', 'error']);
  let app: App | undefined;
  const local = localPlatform({
    home: settings.home,
    models,
    jobs,
    log,
    files,
    queue: { ackDeadlineMs: LOCAL_ACK_MS },
    onDeadLetter: async (message, reason) => {
      if (app !== undefined) await settleDeadLetter(app, message, reason);
    },
  });
  const limits = { ...LOCAL_LIMITS, batchAgeMs: settings.batchAgeMs, waves: settings.waves };
  const { prices, dailySpendNano } = settings;
  app = createApp(local.platform, { prices, unavailable, stop: stop.signal, limits, dailySpendNano });
  return {
    app,
    deliveries: local.deliveries,
    simulatedSettings: SIMULATED_SETTINGS,
    doctor: () => Promise.resolve(machineChecks(settings)),
    close: local.close,
  };
}

function openGeckoOf({ gemini, gecko }: Settings, files: ReturnType<typeof diskFiles>): ReturnType<typeof openGecko> {
  const { bucket: objects, location } = gecko;
  const pictures = objects && stagedPictures({ objects, open: files.open });
  return openGecko({ ...gemini, location, pictures });
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true });
  } catch (cause) {
    const message = `The state folder ${home} cannot be made; choose another with --home or PROOFSHEET_HOME.`;
    throw new ProofsheetError('usage', message, { cause });
  }
}

/** A log that cannot be written (a full disk) must not end the work. */
function appendLog(home: string, line: string): void {
  try {
    appendFileSync(join(home, 'proofsheet.log'), line);
  } catch {
    return;
  }
}

function machineChecks(settings: Settings): { what: string; ok: boolean; message: string }[] {
  return [
    { what: 'Node.js', ok: Number(process.versions.node.split('.')[0]) >= 24, message: process.version },
    folderCheck('state folder', settings.home),
    folderCheck('output folder', settings.outputDir),
  ];
}

/** Whether a folder, or the nearest one above it that exists, can be written, and how much room there is. */
function folderCheck(what: string, folder: string): { what: string; ok: boolean; message: string } {
  let existing = folder;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(existing);
    const free = (bavail * bsize) / 1e9;
    return { what, ok: free > 1, message: `${folder} can be written; ${free.toFixed(1)} GB free` };
  } catch {
    return {
      what,
      ok: false,
      message: `${existing} cannot be written; change its permissions or choose another folder`,
    };
  }
}

/** First signal: finish what is under way. Second: leave at once; the store is consistent at any moment. */
function stopOnSignals(): void {
  let signals = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(130);
      context.note('Finishing the calls under way; press Ctrl-C again to leave at once.');
      stop.abort();
    });
  }
}

function terminal(): Terminal & { say(text: string): void } {
  const update = createLogUpdate(process.stderr);
  let isDrawn = false;
  return {
    interactive: process.stderr.isTTY === true,
    columns: () => process.stderr.columns ?? 80,
    draw(text) {
      update(harmless(text));
      isDrawn = true;
    },
    keep() {
      if (isDrawn) update.done();
      isDrawn = false;
    },
    say(text) {
      if (isDrawn) update.clear();
      process.stderr.write(`${text}\n`);
    },
    async ask(question) {
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await reader.question(question, { signal: stop.signal });
      } finally {
        reader.close();
      }
    },
  };
}

function printFailure(thrown: unknown): void {
  if (thrown instanceof CommanderError) {
    setExitCode(thrown.exitCode === 0 ? 0 : 2);
    return;
  }
  if (stop.signal.aborted) {
    setExitCode(130);
    return;
  }
  const error = asProofsheetError(thrown);
  context.note(`proofsheet: ${error.message}`);
  setExitCode(error.code === 'usage' ? 2 : 1);
}

function setExitCode(code: ExitCode): void {
  process.exitCode = code;
}
