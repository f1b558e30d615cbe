import { type Command, InvalidArgumentError } from 'commander';
import { MAX_SAMPLE, type Selection } from '../domain/batch.ts';
import { momentOf } from '../domain/moment.ts';
import type { Settings } from '../settings.ts';
import { bytesFrom, wholeFrom } from './parse-values.ts';

/** Flags that say which inputs become items. */
export interface SelectionFlags {
  pattern?: string[];
  recursive: boolean;
  maxFileSize?: number;
  minSize?: number;
  modifiedAfter?: string;
  modifiedBefore?: string;
  limit?: number;
  sample?: number;
  seed: number;
}

export function addSelectionFlags(command: Command): Command {
  return command
    .option('--pattern <glob...>', 'which files of a directory or manifest; ! in front leaves out')
    .option('--recursive', 'with subfolders (default)', true)
    .option('--no-recursive', 'leave subfolders out')
    .option('--max-file-size <size>', 'larger files are refused, e.g. 500KB (default: 20MB)', bytesFrom)
    .option('--min-size <size>', 'leave smaller files aside, e.g. 10KB', bytesFrom)
    .option('--modified-after <when>', 'only files written since, e.g. 2026-11-01 or 7d', momentFrom)
    .option('--modified-before <when>', 'only files written before, e.g. 2026-11-01 or 12h', momentFrom)
    .option('--limit <n>', 'only the first n items', wholeFrom)
    .option('--sample <n>', 'only n items, chosen by chance', sampleFrom)
    .option('--seed <n>', 'another seed makes another sample', seedFrom, 1);
}

/** `exclude`: folders of results and state, which are never inputs. */
export function selectionFrom(
  flags: SelectionFlags,
  { patterns, maxFileBytes }: Pick<Settings, 'patterns' | 'maxFileBytes'>,
  exclude: string[],
): Selection {
  const { minSize, modifiedAfter, modifiedBefore, limit, sample, seed } = flags;
  return {
    patterns: flags.pattern ?? [...patterns],
    recursive: flags.recursive,
    maxFileBytes: flags.maxFileSize ?? maxFileBytes,
    ...(minSize !== undefined && { minBytes: minSize }),
    ...(modifiedAfter !== undefined && { modifiedAfter }),
    ...(modifiedBefore !== undefined && { modifiedBefore }),
    ...(limit !== undefined && { limit }),
    ...(sample !== undefined && { sample: { size: sample, seed } }),
    exclude,
  };
}

/** Kept as it was written, so that `7d` is the same command tomorrow. */
function momentFrom(text: string): string {
  if (momentOf(text, 0) === undefined) {
    throw new InvalidArgumentError(
      'It must be a date such as 2026-11-01, a time such as 2026-11-01T08:00Z, or 7d, 12h.',
    );
  }
  return text;
}

function sampleFrom(text: string): number {
  const size = wholeFrom(text);
  if (size > MAX_SAMPLE) throw new InvalidArgumentError(`It must be ${MAX_SAMPLE} at most.`);
  return size;
}

function seedFrom(text: string): number {
  const seed = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(seed)) throw new InvalidArgumentError('It must be a whole number.');
  return seed;
}
