import picomatch from 'picomatch';
import type { Selection } from './batch.ts';
import { type ErrorCode, ProofsheetError, remedyFor } from './errors.ts';
import { momentOf } from './moment.ts';

/** Left aside without a word to the user but a count by `reason`. */
type Ignored = { kind: 'ignore'; reason: string };
/** Becomes an item that ends at once, with a reason the user can act on. */
type Refused = { kind: 'refuse'; code: ErrorCode; message: string };

/**
 * What a recipe takes and how: `image` pictures, checked and normalised (orientation, colour space, size); `document` such
 * pictures, texts (as UTF-8) and PDF; `bytes` any of these as they are.
 */
export type Intake = 'image' | 'document' | 'bytes';

/** Larger files are refused, unless a start says otherwise. */
export const DEFAULT_MAX_FILE_BYTES = 20 * 1024 * 1024;

/** How a file came to be considered: found in a folder, named by a row of a manifest, or named in the command itself. */
export type Origin = 'listing' | 'manifest' | 'command';

/** What is known of a file before it is read: path below the listed root, with `/`; size and time where they were looked up. */
export interface ListedFile {
  path: string;
  bytes?: number;
  modifiedAt?: number;
  problem?: ErrorCode;
}

/** Files that are by-products of systems and transfers, in any folder; the first match names the reason. */
const BY_PRODUCTS: readonly [RegExp, string][] = [
  [/\/$|_\$folder\$$/, 'folder placeholder'],
  [/(^|\/)(gsutil|gcloud)\/tmp\/parallel_composite_uploads\//, 'part of an upload'],
  [/(^|\/)(__MACOSX\/|(thumbs\.db|ehthumbs\.db|desktop\.ini)$)/i, 'system file'],
  [/\.(part|partial|filepart|tmp|temp|crdownload|download)$/i, 'unfinished transfer'],
  [/(^|\/)~\$[^/]*$/, 'lock file'],
  [/(^|\/)\.(?!\.?\/)[^/]/, 'hidden file'],
];

/** Endings by which a user calls a file a picture. */
const IMAGE_NAME =
  /\.(jpe?g|jpe|jfif|png|apng|webp|gif|avif|tiff?|bmp|hei[cf]|svgz?|jxl|jp2|j2k|ico|psd|dng|cr[23]|nef|arw|raf|orf|rw2)$/i;

/** Endings by which a user calls a file a document that is taken. */
const DOCUMENT_NAME = /\.(txt|text|md|markdown|csv|tsv|jsonl?|ndjson|pdf)$/i;

/**
 * Decides about a file before it is read. Patterns are for listings and manifests, not for a file that the command names;
 * by-products are passed over in listings only. `startedAt` is when the batch was: `7d` means seven days before it.
 * Errors: `usage` for a pattern that cannot be understood.
 */
export function considerFile(
  entry: ListedFile,
  selection: Selection,
  { origin, startedAt }: { origin: Origin; startedAt: number },
): Ignored | Refused | { kind: 'read' } {
  if (origin === 'listing') {
    const byProduct = byProductReason(entry.path);
    if (byProduct !== undefined) return { kind: 'ignore', reason: byProduct };
  }
  if (origin !== 'command' && !isWanted(entry.path, selection.patterns)) {
    return { kind: 'ignore', reason: 'not matched by the pattern' };
  }
  if (entry.problem !== undefined) return refuse(entry.problem, `${entry.path}: ${remedyFor(entry.problem)}`);
  const filtered = filterReason(entry, selection, startedAt);
  if (filtered !== undefined) return { kind: 'ignore', reason: filtered };
  if (entry.bytes === 0) return refuse('empty_file', `${entry.path} has no bytes; upload it again.`);
  if (entry.bytes !== undefined && entry.bytes > selection.maxFileBytes) {
    return refuse(
      'file_too_large',
      `${entry.path} has ${grouped(entry.bytes)} bytes, above the limit of ${grouped(selection.maxFileBytes)}; raise --max-file-size or shrink it.`,
    );
  }
  return { kind: 'read' };
}

/** Why a file is a by-product of a system or a transfer; undefined if it is none. */
export function byProductReason(path: string): string | undefined {
  return BY_PRODUCTS.find(([shape]) => shape.test(path))?.[1];
}

/** True when a user would expect a picture behind the name. */
export function isCalledPicture(path: string): boolean {
  return IMAGE_NAME.test(path);
}

/** True when size and time of a file must be known to tell whether it is selected. */
export function needsFacts({ minBytes, modifiedAfter, modifiedBefore }: Selection): boolean {
  return minBytes !== undefined || modifiedAfter !== undefined || modifiedBefore !== undefined;
}

function filterReason(entry: ListedFile, selection: Selection, startedAt: number): string | undefined {
  const { minBytes, modifiedAfter, modifiedBefore } = selection;
  if (minBytes !== undefined && entry.bytes !== undefined && entry.bytes < minBytes) return 'smaller than --min-size';
  if (entry.modifiedAt === undefined) return undefined;
  const moment = (text: string | undefined) => (text === undefined ? undefined : momentOf(text, startedAt));
  if (entry.modifiedAt < (moment(modifiedAfter) ?? Number.NEGATIVE_INFINITY)) return 'older than --modified-after';
  if (entry.modifiedAt >= (moment(modifiedBefore) ?? Number.POSITIVE_INFINITY))
    return 'not older than --modified-before';
  return undefined;
}

/**
 * Decides by the content, once the file is read. What is wanted is taken whatever its name; a file that the user named
 * himself, or that is called like one that is wanted, is refused aloud; the rest of a folder is left aside. For bytes,
 * whatever the user named is taken.
 */
export function considerKind(
  path: string,
  kind: 'image' | 'text' | 'pdf' | 'other',
  wanted: Intake,
  explicit: boolean,
): Ignored | Refused | { kind: 'take' } {
  if (kind === 'image') return { kind: 'take' };
  if (wanted === 'image') {
    if (!explicit && !isCalledPicture(path)) return { kind: 'ignore', reason: 'not a picture' };
    return refuse('not_an_image', `${path} is ${KIND_NAMES[kind]}, not a picture; replace it by a JPEG, PNG or WebP.`);
  }
  if (kind !== 'other' || (wanted === 'bytes' && explicit)) return { kind: 'take' };
  const isCalledSo = wanted === 'document' && (isCalledPicture(path) || DOCUMENT_NAME.test(path));
  if (!explicit && !isCalledSo) return { kind: 'ignore', reason: 'neither picture nor document' };
  return refuse(
    'unsupported_format',
    `${path} is no picture, no PDF document and no text in an encoding that is known; replace it, or save the text as UTF-8.`,
  );
}

/** The folder of a batch's results (see `batchIdFor`). */
const BATCH_FOLDER = /^\d{8}-\d{6}-[0-9a-z]{4}\//;

/**
 * True for results and state of proofsheet that lie inside an input: they must never become inputs, or each run would work on
 * the pictures of the one before. An input inside such a folder was named on purpose.
 */
export function isOwnFile(entry: { uri: string; path: string }, root: string, exclude: readonly string[]): boolean {
  const base = root.endsWith('/') ? root : `${root}/`;
  return exclude.some((folder) => {
    if (`${folder}/` === base) return BATCH_FOLDER.test(entry.path);
    return folder.startsWith(base) && entry.uri.startsWith(`${folder}/`);
  });
}

const KIND_NAMES = { text: 'a text', pdf: 'a PDF document', other: 'of another kind' } as const;

function refuse(code: ErrorCode, message: string): Refused {
  return { kind: 'refuse', code, message };
}

/** 20,000,000 */
function grouped(bytes: number): string {
  return bytes.toLocaleString('en-US');
}

/** Matchers by the selection's own list, as a listing asks a million times with the same one. */
const matchers = new WeakMap<readonly string[], (path: string) => boolean>();

function isWanted(path: string, patterns: readonly string[]): boolean {
  const matcher = matchers.get(patterns) ?? compile(patterns);
  matchers.set(patterns, matcher);
  return matcher(path);
}

/** Wanted is what some plain pattern matches (all, if there is none) and no pattern with a leading `!` does. */
function compile(patterns: readonly string[]): (path: string) => boolean {
  const negated = patterns.filter(isNegated).map((pattern) => matcherOf(pattern.slice(1)));
  const plain = patterns.filter((pattern) => !isNegated(pattern)).map(matcherOf);
  return (path) =>
    (plain.length === 0 || plain.some((matches) => matches(path))) && !negated.some((matches) => matches(path));
}

/** `!(a|b).jpg` is a pattern of its own, not a negation. */
function isNegated(pattern: string): boolean {
  return pattern.startsWith('!') && !pattern.startsWith('!(');
}

/**
 * Without a slash a pattern is about the file name in any folder, with one about the whole path. Case does not matter:
 * cameras write `.JPG`. A name with brackets of its own (`mug (1).jpg`) also matches itself.
 */
function matcherOf(pattern: string): (path: string) => boolean {
  const own = pattern.replace(/^\.?\//, '');
  const anywhere = !own.includes('/');
  const subject = (path: string) => (anywhere ? path.slice(path.lastIndexOf('/') + 1) : path);
  try {
    const matches = picomatch(own, { nocase: true, dot: true, nonegate: true, windows: false });
    return (path) => subject(path) === own || matches(subject(path));
  } catch (cause) {
    throw new ProofsheetError('usage', `The pattern "${pattern}" cannot be understood; write e.g. "*.jpg".`, { cause });
  }
}
