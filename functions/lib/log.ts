type Level = 'info' | 'warn' | 'error';

/** The words by which Cloud Logging knows the levels. */
const SEVERITIES: Record<Level, string> = { info: 'INFO', warn: 'WARNING', error: 'ERROR' };

/** Logs as JSON lines, fields first. `write` gets one line with its line feed. */
export function jsonLog(write: (line: string) => void, now: () => number, levels: readonly Level[]) {
  const at = (level: Level) => (fields: Record<string, unknown>, message: string) => {
    if (!levels.includes(level)) return;
    const time = new Date(now()).toISOString();
    write(`${JSON.stringify({ time, severity: SEVERITIES[level], ...fields, message })}\n`);
  };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
