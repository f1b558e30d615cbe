const UNITS: Record<string, number> = { '': 1, B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** `500KB`, `20MB` or plain bytes as a number of bytes above 0; undefined for anything else. */
export function bytesIn(text: string): number | undefined {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = UNITS[(unit ?? '?').toUpperCase()];
  const bytes = factor === undefined ? 0 : Math.round(Number(number) * factor);
  return bytes > 0 ? bytes : undefined;
}
