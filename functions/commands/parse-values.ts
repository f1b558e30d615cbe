import { InvalidArgumentError } from 'commander';
import { bytesIn } from '../domain/byte-size.ts';
import { ProofsheetError } from '../domain/errors.ts';

/** A number above 0. */
export function numberFrom(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

export function wholeFrom(text: string): number {
  const value = numberFrom(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}

/** A port; 0 stands for any that is free. */
export function portFrom(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) throw new InvalidArgumentError('It must be a port from 0 to 65535.');
  return value;
}

/** A share or score from 0 to 1. */
export function shareFrom(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return value;
}

/** `500KB`, `20MB` or plain bytes. */
export function bytesFrom(text: string): number {
  const bytes = bytesIn(text);
  if (bytes === undefined) throw new InvalidArgumentError('It must be a size such as 500KB or 20MB.');
  return bytes;
}

/** `09:00` as the next moment of this time on this machine's clock, or a whole date such as `2026-11-22T09:00`; in milliseconds since 1970. */
export function nextTime(text: string, now: number): number {
  const [, hours, minutes] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text.trim()) ?? [];
  if (hours === undefined) {
    const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
    if (moment > now) return moment;
    throw new ProofsheetError(
      'usage',
      `--deadline is "${text}"; give a time to come, such as 09:00 or 2026-12-24T09:00.`,
    );
  }
  const next = new Date(now);
  next.setHours(Number(hours), Number(minutes), 0, 0);
  if (next.getTime() <= now) next.setDate(next.getDate() + 1);
  return next.getTime();
}

/** Dollars as nano-dollars; a leading $ is fine. */
export function dollarsFrom(text: string): number {
  const usd = Number(text.trim().replace(/^\$/, '') || Number.NaN);
  if (Number.isFinite(usd) && usd >= 0 && usd <= 1e6) return Math.round(usd * 1e9);
  throw new InvalidArgumentError('Give a number of dollars, such as 2.50.');
}
