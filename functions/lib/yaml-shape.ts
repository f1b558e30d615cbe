import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

/** A YAML text, and where in it each member stands. */
export interface YamlText {
  value: unknown;
  /** `line 3, column 5`, of a member's value, or of its name. */
  placeOf(path: readonly PropertyKey[], of?: 'value' | 'name'): string;
}

/** Parses a YAML text; one that is none gives a sentence with its place. */
export function readYaml(text: string): YamlText | { problem: string } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const [error] = document.errors;
  if (error !== undefined) {
    const said = error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? '';
    return { problem: `${placeAt(error.pos[0])}: ${said}` };
  }
  return {
    value: document.toJS(),
    placeOf: (path, of = 'value') => placeAt(offsetOf(document, path, of)),
  };
}

/** The value in its shape, or what is wrong with it, each with its place. */
export function shapedYaml<T>(
  { value, placeOf }: YamlText,
  shape: z.ZodType<T>,
): { value: T } | { problems: string[] } {
  const parsed = shape.safeParse(value ?? {});
  if (parsed.success) return { value: parsed.data };
  const problems = parsed.error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map(
        (key) => `${placeOf([...issue.path, key], 'name')}: ${nameOf(issue.path)} has no member "${key}"`,
      );
    }
    return [`${placeOf(issue.path)}: ${nameOf(issue.path)}: ${issue.message}`];
  });
  return { problems };
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}

/** Of the member itself, or of the nearest one around it that is there. */
function offsetOf(document: Document, path: readonly PropertyKey[], of: 'value' | 'name'): number {
  if (of === 'name') {
    const parent = document.getIn(path.slice(0, -1), true);
    const map = path.length === 1 ? document.contents : parent;
    const pair = isMap(map) ? map.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) : undefined;
    if (pair !== undefined && isNode(pair.key) && pair.key.range) return pair.key.range[0];
  }
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}
