import { type TextUnits, unitAt, unitsText, unitWidth } from './text-units.ts';

/** Where a record begins: bytes from the start of the file, and the line, the first being 1. */
export interface TextPlace {
  offset: number;
  line: number;
}

export interface TextSource {
  units: TextUnits;
  /** Bytes from `start` on, none at the end of the file. */
  read(start: number): Promise<Uint8Array>;
}

/** What is said of a unit of the text: it belongs to the record, ends it, or ends it and the whole list. */
type Verdict = 'within' | 'end' | 'close';
/** Is given the units of one record and the one that follows each. */
export type Scanner = (unit: number, following: number | undefined) => Verdict;

export type Parsed<Value> = { value: Value } | { problem: string };

export interface RecordFormat<Value> {
  /** A scanner for one more record. */
  scanner(): Scanner;
  /** Undefined for one without content. */
  parse(text: string): Parsed<Value> | undefined;
  /** How a record is read once more, from its beginning, when nothing can be made of it. */
  again?: RecordFormat<Value>;
  /** What is wrong when the file ends before the list does. */
  unclosed?: string;
}

export type TextRecord<Value> = Parsed<Value> & {
  /** The first and the last line of the record. */
  line: number;
  lastLine: number;
  /** Where the next one begins; undefined when there is none. */
  next: TextPlace | undefined;
};

/** Longer records are a problem of their own: mostly a quote or bracket that is never closed. */
export const MAX_RECORD_BYTES = 64 * 1024;

/**
 * The records of a text from `from` on, which is its beginning or the `next` of a record. Only a record and a piece of the
 * file behind it are in memory. What cannot be understood is given as a problem, and reading goes on behind it.
 */
export async function* readRecords<Value>(
  source: TextSource,
  format: RecordFormat<Value>,
  from: TextPlace,
): AsyncGenerator<TextRecord<Value>> {
  const window = openWindow(source, from.offset);
  let place = from;
  while (true) {
    let cut = await cutRecord(window, format);
    let parsed = parse(cut, format);
    if (format.again !== undefined && parsed !== undefined && 'problem' in parsed) {
      cut = await cutRecord(window, format.again);
      parsed = parse(cut, format.again);
    }
    window.forget(cut.length);
    const following = { offset: place.offset + cut.bytes, line: place.line + cut.lines };
    const isCutOff = cut.ending === 'file' && format.unclosed !== undefined;
    const next = cut.ending === undefined || isCutOff ? following : undefined;
    const line = place.line + countLines(/^\s*/.exec(cut.text ?? '')?.[0] ?? '');
    if (parsed !== undefined) yield { ...parsed, line, lastLine: line + countLines((cut.text ?? '').trim()), next };
    place = following;
    if (cut.ending === undefined) continue;
    if (isCutOff) yield { problem: format.unclosed ?? '', line: place.line, lastLine: place.line, next: undefined };
    return;
  }
}

/** A record as it lies in the file. */
interface Cut {
  /** Undefined when it is too long. */
  text: string | undefined;
  /** Bytes of the file up to the next record, and how many of them the window still holds. */
  bytes: number;
  length: number;
  lines: number;
  /** Set when nothing follows. */
  ending: 'list' | 'file' | undefined;
}

async function cutRecord(window: Window, format: RecordFormat<unknown>): Promise<Cut> {
  const { units } = window;
  const width = unitWidth(units);
  const scan = format.scanner();
  const passed = { bytes: 0, lines: 0 };
  for (let at = 0; ; at += width) {
    while (window.held().length < at + 2 * width && (await window.more())) {
      if (at < MAX_RECORD_BYTES) continue;
      // What is too long is read over, but for one that shall be read again.
      if (format.again !== undefined) return { text: undefined, ...NOTHING };
      passed.lines += countLines(unitsText(window.held().subarray(0, at), units));
      passed.bytes += at;
      window.forget(at);
      at = 0;
    }
    const held = window.held();
    const isEnd = at + width > held.length;
    const following = at + 2 * width > held.length ? undefined : unitAt(held, at + width, units);
    const verdict = isEnd ? 'close' : scan(unitAt(held, at, units), following);
    if (verdict === 'within') continue;
    const length = isEnd ? held.length : at + width;
    const isLong = passed.bytes + at > MAX_RECORD_BYTES;
    if (isLong && format.again !== undefined) return { text: undefined, ...NOTHING };
    return {
      text: isLong ? undefined : unitsText(held.subarray(0, at), units),
      bytes: passed.bytes + length,
      length,
      lines: passed.lines + countLines(unitsText(held.subarray(0, length), units)),
      ending: isEnd ? 'file' : verdict === 'close' ? 'list' : undefined,
    };
  }
}

const NOTHING = { bytes: 0, length: 0, lines: 0, ending: undefined };

function parse<Value>(cut: Cut, format: RecordFormat<Value>): Parsed<Value> | undefined {
  if (cut.text === undefined) return { problem: `it is longer than ${MAX_RECORD_BYTES / 1024} KB` };
  return cut.text.trim() === '' ? undefined : format.parse(cut.text);
}

interface Window {
  units: TextUnits;
  /** The bytes read and not forgotten. */
  held(): Uint8Array;
  /** Reads on; false at the end of the file. */
  more(): Promise<boolean>;
  /** The first bytes are done with. */
  forget(bytes: number): void;
}

function openWindow({ units, read }: TextSource, start: number): Window {
  let held: Uint8Array = new Uint8Array();
  let at = start;
  let isOver = false;
  return {
    units,
    held: () => held,
    async more() {
      const piece = isOver ? new Uint8Array() : await read(at);
      isOver = piece.length === 0;
      at += piece.length;
      if (!isOver) held = held.length === 0 ? piece : Buffer.concat([held, piece]);
      return !isOver;
    },
    forget(bytes) {
      held = held.subarray(bytes);
    },
  };
}

export function countLines(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0;
}
