type Level = 'info' | 'warn' | 'error';

/** Logs as JSON lines, fields first. `write` gets one line with its line feed. */
export function jsonLog(write: (line: string) => void, now: () => number, levels: readonly Level[]) {
  const at = (severity: Level) => (fields: Record<string, unknown>, message: string) => {
    if (!levels.includes(severity)) return;
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), severity, ...fields, message })}\n`);
  };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
