import type { TerminalState } from '../domain/batch.ts';
import type { FileRef } from '../domain/model-call.ts';
import type { Attempt, Outcome } from '../domain/outcome.ts';

const EXTENSIONS: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
  'text/plain': 'txt',
  'application/json': 'json',
  'application/pdf': 'pdf',
};

/** Endings that a shipped picture can have, to find one that an earlier try left. */
export const PICTURE_EXTENSIONS = ['png', 'jpg', 'webp', 'gif', 'avif'] as const;

/** A place below the output folder, one name per level. */
export type OutputPath = readonly string[];

export function extensionOf(mimeType: string): string {
  return EXTENSIONS[mimeType] ?? 'bin';
}

export function errorLogPath(name: string): OutputPath {
  return ['failed', `${name}_error.log`];
}

export function attemptPath(name: string, attempt: Attempt, candidate: FileRef): OutputPath {
  return ['attempts', name, `attempt_${attempt.n}.${extensionOf(candidate.mimeType)}`];
}

export function thumbnailPath(sha256: string): OutputPath {
  return ['report', 'thumbs', sha256.slice(0, 2), `${sha256}.webp`];
}

export function referencePath(reference: FileRef): OutputPath {
  const { sha256, mimeType } = reference;
  return ['report', 'references', sha256.slice(0, 2), `${sha256}.${extensionOf(mimeType)}`];
}

/** Where the shipped result of an item lies: passed ones among the successful, the best picture of a failed one beside its log. */
export function resultPath(name: string, state: TerminalState, outcome: Outcome | undefined): OutputPath | undefined {
  const picture = shippedPicture(outcome);
  if (state === 'failed') {
    return picture === undefined ? undefined : ['failed', `${name}_best.${extensionOf(picture.mimeType)}`];
  }
  if (state !== 'passed') return undefined;
  if (picture !== undefined) return ['successful', `${name}_result.${extensionOf(picture.mimeType)}`];
  if (outcome?.result == null) return undefined;
  return ['successful', `${name}_result.${outcome.result.kind === 'json' ? 'json' : 'txt'}`];
}

/** The picture that is the result, or else the candidate of the best attempt. */
export function shippedPicture(outcome: Outcome | undefined): FileRef | undefined {
  if (outcome?.result != null) return outcome.result.kind === 'image' ? outcome.result.file : undefined;
  return shippedAttempt(outcome)?.candidate;
}

export function shippedAttempt(outcome: Outcome | undefined): Attempt | undefined {
  return outcome?.attempts.find((attempt) => attempt.n === outcome.best);
}

/** The path as a relative link from the report. */
export function linkTo(path: OutputPath): string {
  return path.map((name) => encodeURIComponent(name.toWellFormed())).join('/');
}
