import { createHmac, timingSafeEqual } from 'node:crypto';

/** A text that only who knows the secret can make, and that holds until a time (milliseconds since 1970). */
export function signedTime(secret: string, until: number): string {
  return `${until}.${signature(secret, until)}`;
}

/** Whether a text was made by `signedTime` with this secret and still holds. */
export function holdsAt(text: string, secret: string, now: number): boolean {
  const [, until, given] = /^(\d{1,15})\.([\w-]{43})$/.exec(text) ?? [];
  if (until === undefined || given === undefined || Number(until) <= now) return false;
  return timingSafeEqual(Buffer.from(given), Buffer.from(signature(secret, Number(until))));
}

function signature(secret: string, until: number): string {
  return createHmac('sha256', secret).update(`session until ${until}`).digest('base64url');
}
