/** What is known of a file for filling a schema: measured or counted, never guessed. */
export interface Facts {
  /** Plain sentences. */
  description: string;
  /** Names of colours, the largest share first; none for what is no picture. */
  colours: readonly string[];
  /** Pixels; 0 for what is no picture. */
  width: number;
  height: number;
  /** Separate things in the picture. */
  pieces: number;
}

type Schema = Readonly<Record<string, unknown>>;

/** Choices that say that something is not known. */
const UNKNOWN = /^(unknown|other|none|n\/?a|unspecified|not[ _-]?(known|sure|visible)|everyone)$/i;

/** Schemas may name themselves: beyond this only what is required, beyond twice this nothing at all. */
const DEEPEST = 12;

/**
 * A value that fits a JSON Schema, filled with facts where a property's name asks for one of them, and otherwise with the
 * least that the schema allows. Rules such as patterns are not followed.
 */
export function simulatedValue(schema: Schema, facts: Facts): unknown {
  return filled(schema, '', { root: schema, facts, depth: 0 });
}

interface Place {
  root: Schema;
  facts: Facts;
  depth: number;
}

function filled(given: unknown, name: string, place: Place): unknown {
  if (place.depth > 2 * DEEPEST) return null;
  const schema = resolved(given, place.root);
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return choiceFrom(schema.enum, name, place.facts);
  const variants = [schema.anyOf, schema.oneOf].find(Array.isArray) as unknown[] | undefined;
  const types = typesOf(schema);
  const isFact = factFor(name, place.facts) !== undefined;
  const mayBeNull =
    types.includes('null') || variants?.some((one) => typesOf(resolved(one, place.root)).includes('null'));
  if (mayBeNull && (!isFact || place.depth >= DEEPEST)) return null;
  if (variants !== undefined) {
    const variant = variants.find((one) => !typesOf(resolved(one, place.root)).includes('null'));
    return filled(variant ?? {}, name, { ...place, depth: place.depth + 1 });
  }
  const type =
    types.find((one) => one !== 'null') ?? (schema.properties ? 'object' : schema.items ? 'array' : 'string');
  const deeper = { ...place, depth: place.depth + 1 };
  if (type === 'object') return objectOf(schema, deeper);
  if (type === 'array') return listOf(schema, name, deeper);
  if (type === 'number' || type === 'integer') return numberFor(schema, name, place.facts);
  return type === 'boolean' ? false : textFor(schema, name, place.facts);
}

function objectOf(schema: Schema, place: Place): Record<string, unknown> {
  const properties = Object.entries((schema.properties ?? {}) as Schema);
  const required = Array.isArray(schema.required) ? schema.required : [];
  const wanted = place.depth < DEEPEST ? properties : properties.filter(([name]) => required.includes(name));
  return Object.fromEntries(wanted.map(([name, property]) => [name, filled(property, name, place)]));
}

/** Colours where they are asked for, otherwise as few as may be. */
function listOf(schema: Schema, name: string, place: Place): unknown[] {
  const most = numeric(schema.maxItems) ?? Number.POSITIVE_INFINITY;
  const least = numeric(schema.minItems) ?? 0;
  const isOfColours = /colou?r/i.test(name);
  const facts: Facts[] = isOfColours
    ? place.facts.colours.map((colour) => ({ ...place.facts, colours: [colour] }))
    : [];
  while (facts.length < least) facts.push(place.facts);
  return facts.slice(0, most).map((own) => filled(schema.items ?? {}, name, { ...place, facts: own }));
}

function numberFor(schema: Schema, name: string, facts: Facts): number {
  const fact = factFor(name, facts);
  const least = numeric(schema.minimum) ?? (numeric(schema.exclusiveMinimum) ?? -1) + 1;
  const most = numeric(schema.maximum) ?? Number.POSITIVE_INFINITY;
  return Math.min(most, Math.max(least, typeof fact === 'number' ? fact : 0));
}

function textFor(schema: Schema, name: string, facts: Facts): string {
  if (schema.format === 'date') return '2000-01-01';
  if (schema.format === 'date-time') return '2000-01-01T00:00:00Z';
  const fact = factFor(name, facts);
  const text = fact === undefined ? 'simulated' : String(fact);
  return text.padEnd(numeric(schema.minLength) ?? 0, '.').slice(0, numeric(schema.maxLength) ?? undefined);
}

/** The measured colour if it is on offer, else what says "unknown", else the first. */
function choiceFrom(choices: readonly unknown[], name: string, facts: Facts): unknown {
  const colour = /colou?r/i.test(name) ? choices.find((choice) => facts.colours.includes(String(choice))) : undefined;
  return colour ?? choices.find((choice) => UNKNOWN.test(String(choice))) ?? choices[0];
}

function factFor(name: string, facts: Facts): string | number | undefined {
  if (/colou?r/i.test(name)) return facts.colours[0];
  if (/width/i.test(name)) return facts.width;
  if (/height/i.test(name)) return facts.height;
  if (/count|shown|quantity|pieces/i.test(name)) return facts.pieces;
  return /description|summary|caption|answer/i.test(name) ? beginning(facts.description) : undefined;
}

/** The first sentences. */
function beginning(text: string): string {
  const sentences = text.split('. ');
  return sentences.length <= 3 ? text : `${sentences.slice(0, 3).join('. ')}.`;
}

function resolved(schema: unknown, root: Schema): Schema {
  if (typeof schema !== 'object' || schema === null) return {};
  const { $ref } = schema as Schema;
  if (typeof $ref !== 'string') return schema as Schema;
  const found = $ref
    .split('/')
    .slice(1)
    .reduce<unknown>((at, step) => (at as Schema | undefined)?.[step], root);
  return found === schema ? {} : resolved(found, root);
}

function typesOf({ type }: Schema): unknown[] {
  return type === undefined ? [] : [type].flat();
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
