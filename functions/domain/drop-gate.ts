import { ProofsheetError } from './errors.ts';
import { byProductReason, isCalledPicture } from './selection.ts';

/** A file that came into the inbox, as an event or a look at the folder tells it. */
export interface Arrival {
  /** Without a version. */
  uri: string;
  version: { id: string; uri: string; createdAt: number };
  /** It bears the mark of what proofsheet wrote. */
  isOwn: boolean;
  bytes?: number;
  contentType?: string;
}

/** Sets recipe, settings and the number of images of a drop. */
export const DROP_FILE = 'batch.json';
/** Says, uploaded last, that a drop is complete. */
export const READY_FILE = '_READY';

/** What an arrival is to the inbox. `root` is the place whose files form one drop. */
export type Gated =
  | { kind: 'ignore'; reason: string }
  | { kind: 'file'; root: DropRoot; isPicture: boolean }
  | { kind: 'control'; root: DropRoot; file: typeof DROP_FILE | typeof READY_FILE };

/** The first folder below the inbox with all that is in it, or the files directly in the inbox. */
export interface DropRoot {
  uri: string;
  /** The folder's name, or the inbox's. */
  name: string;
  recursive: boolean;
}

/**
 * Decides by its name what an arrival is. What proofsheet wrote, and by-products of systems and transfers, never start work.
 * `inbox` is a bucket, a prefix or a folder, without a slash at its end.
 */
export function gateArrival(arrival: Arrival, inbox: string): Gated {
  if (!arrival.uri.startsWith(`${inbox}/`)) return { kind: 'ignore', reason: 'outside the inbox' };
  if (arrival.isOwn) return { kind: 'ignore', reason: 'of proofsheet itself' };
  const path = arrival.uri.slice(inbox.length + 1);
  const byProduct = byProductReason(path);
  if (byProduct !== undefined) return { kind: 'ignore', reason: byProduct };
  const root = dropRoot(inbox, path);
  if (root === undefined) return { kind: 'ignore', reason: 'a name that no folder can have' };
  const name = arrival.uri.slice(root.uri.length + 1);
  if (name === DROP_FILE || name === READY_FILE) return { kind: 'control', root, file: name };
  const isPicture = isCalledPicture(path) || arrival.contentType?.startsWith('image/') === true;
  if (arrival.bytes === 0 && !isPicture) return { kind: 'ignore', reason: 'empty file' };
  return { kind: 'file', root, isPicture };
}

/** Undefined for names that cannot be listed: empty folder names, dots, and such that end like the generation of an object. */
function dropRoot(inbox: string, path: string): DropRoot | undefined {
  const end = path.indexOf('/');
  if (end === -1) return { uri: inbox, name: inbox.slice(inbox.lastIndexOf('/') + 1), recursive: false };
  const folder = path.slice(0, end);
  if (/^\.{0,2}$|#\d{16,19}$/.test(folder)) return undefined;
  return { uri: `${inbox}/${folder}`, name: folder, recursive: true };
}

/** The shape of a batch's id, which names the folder of its results. */
const BATCH_ID = /^\d{8}-\d{6}-[0-9a-z]{4}$/;

/**
 * What the loop guard counts a file under: its own place, but all that lies in folders named like a batch's results under the
 * one place of those, because each round of a loop writes them under new names.
 */
export function sourceOf(uri: string): string {
  const parts = uri.split('/');
  const at = parts.findIndex((part, index) => index < parts.length - 1 && BATCH_ID.test(part));
  return at === -1 ? uri : `${parts.slice(0, at).join('/')}/*`;
}

/** Refuses results inside the inbox: each would be taken for a new image. Errors: usage. */
export function refuseInside(inbox: string, places: readonly (string | undefined)[]): void {
  const inside = places.find((place) => place !== undefined && `${place}/`.startsWith(`${inbox}/`));
  if (inside === undefined) return;
  throw new ProofsheetError(
    'usage',
    `Results at ${inside} would lie inside the watched ${inbox} and start new work without end; name another bucket or prefix.`,
  );
}
