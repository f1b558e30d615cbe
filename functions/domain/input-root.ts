import picomatch from 'picomatch';

/** Where an input is listed: the file or folder itself, or the fixed part of a glob with the rest as pattern. */
export interface InputRoot {
  root: string;
  /** Matched against the whole path below `root`. */
  pattern?: string;
}

export function inputRoot(input: string): InputRoot {
  const { isGlob, base, glob } = picomatch.scan(input);
  return isGlob ? { root: base === '' ? '.' : base, pattern: glob } : { root: input };
}

/** Runs of `*` that a glob of a client may have, and alternatives in braces. */
const MOST_STARS = 4;
const MOST_BRACES = 2;
/** Groups, and what repeats a group or class: a short text of these can keep a machine busy for years. */
const COSTLY = /[@!?+*]\(|\([^)]*[*+?|]|\)[*+?{]|\][+{]/;

/** Whether matching against a glob may take long, so that it is none for clients who are not on this machine. */
export function isCostlyGlob(glob: string): boolean {
  const count = (pattern: RegExp): number => glob.match(pattern)?.length ?? 0;
  return COSTLY.test(glob) || count(/\*+/g) > MOST_STARS || count(/\{/g) > MOST_BRACES;
}

/** True when a path below the root belongs to the input. */
export function belongsTo(input: InputRoot, path: string): boolean {
  return input.pattern === undefined || picomatch.isMatch(path, input.pattern, { dot: false });
}

/** A glob goes into subfolders when it names them; everything else as the selection says. */
export function listsRecursively(input: InputRoot, recursive: boolean): boolean {
  return input.pattern === undefined ? recursive : input.pattern.includes('/');
}
