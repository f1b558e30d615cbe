const AGO = /^(\d+(?:\.\d+)?)([mhdw])$/i;
const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;
const MINUTES: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1440, w: 10_080 };

/**
 * A moment as people write it: an ISO date or time, in UTC unless it says otherwise, or how long ago it was (`90m`, `12h`,
 * `7d`, `2w`). In milliseconds since 1970; undefined for anything else.
 */
export function momentOf(text: string, now: number): number | undefined {
  const [, amount, unit] = AGO.exec(text.trim()) ?? [];
  if (amount !== undefined && unit !== undefined) {
    return now - Number(amount) * (MINUTES[unit.toLowerCase()] ?? Number.NaN) * 60_000;
  }
  const [, date, time = '00:00', zone = 'Z'] = DATE.exec(text.trim()) ?? [];
  if (date === undefined) return undefined;
  const midnight = Date.parse(`${date}T00:00Z`);
  // The parser takes February 30th for March 2nd.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(date)) return undefined;
  const moment = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(moment) ? undefined : moment;
}
