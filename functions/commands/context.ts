import type { App } from '../app/app.ts';
import type { Deliveries } from '../platform/ports.ts';
import type { Settings, SettingsSources } from '../settings.ts';

/** What a command gets from its root: settings, a platform when it asks for one, and the terminal. */
export interface CommandContext {
  settings(flags: SettingsSources['flags']): Settings;
  /** `bounds`: folders whose links lead nowhere else, and among them those of proofsheet itself. */
  open(settings: Settings, bounds?: { roots: readonly string[]; own: readonly string[] }): Promise<OpenApp>;
  cwd: string;
  /** To standard output, a line unless raw. */
  out(text: string, options?: { raw: boolean }): void;
  /** To standard error. */
  note(text: string): void;
  terminal: Terminal;
  /** Aborted by the first Ctrl-C. */
  stop: AbortSignal;
  exit(code: ExitCode): void;
}

export interface OpenApp {
  app: App;
  deliveries: Deliveries;
  /** Settings of recipes that a simulated run puts in the place of those given. */
  simulatedSettings: Readonly<Record<string, string>>;
  doctor(): Promise<{ what: string; ok: boolean; message: string }[]>;
  close(): Promise<void>;
}

/** Where progress is drawn (standard error) and questions are asked. */
export interface Terminal {
  interactive: boolean;
  columns(): number;
  /** Replaces what was drawn before. */
  draw(text: string): void;
  /** Leaves what was drawn last on the screen. */
  keep(): void;
  ask(question: string): Promise<string>;
}

/** 0 done; 1 fatal; 2 wrong usage; 3 some item ended as error or the pass rate was missed; 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

/** Flags of every command. */
export interface CommonFlags {
  home?: string;
  config?: string;
  json?: boolean;
}

/** Opens the app for the time of `work`. */
export async function withApp(
  context: CommandContext,
  flags: CommonFlags,
  work: (open: OpenApp, settings: Settings) => Promise<void>,
): Promise<void> {
  const settings = context.settings(flags);
  const open = await context.open(settings);
  try {
    await work(open, settings);
  } finally {
    await open.close();
  }
}
