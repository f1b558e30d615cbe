/** Members that `responseJsonSchema` takes as they are. Source: the Gemini API's page on structured output, `GenerateContentConfig` of @google/genai. */
const TAKEN = new Set([
  ...['$id', '$anchor', 'type', 'title', 'required', 'propertyOrdering'],
  ...['minItems', 'maxItems', 'minimum', 'maximum'],
]);

/** Members that say nothing about what is valid. */
const REMARKS = new Set([
  '$schema',
  '$comment',
  'default',
  'example',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
]);

/** Formats of strings that the API knows. */
const FORMATS: readonly unknown[] = ['date-time', 'date', 'time'];

const MAX_NOTE = 500;

type Schema = Record<string, unknown>;

/**
 * A JSON Schema with the members that the API takes. A rule that it does not take (a pattern, a length …) is said in the
 * description instead: the model follows words too, and the answer is checked against the whole schema anyway.
 */
export function toGeminiSchema(schema: Schema): Schema {
  if (typeof schema.$ref === 'string') {
    const { $defs = schema.definitions } = schema;
    const $ref = schema.$ref.replace('#/definitions/', '#/$defs/');
    return { $ref, ...($defs !== undefined && { $defs: mapValues($defs) }) };
  }
  const taken: Schema = {};
  const untold: Schema = {};
  for (const [member, value] of Object.entries(schema)) {
    const converted = convert(member, value);
    if (converted !== undefined) Object.assign(taken, converted);
    else if (!REMARKS.has(member)) untold[member] = value;
  }
  if (taken.nullable === true) Object.assign(taken, { type: [taken.type, 'null'].flat() });
  delete taken.nullable;
  if (Object.keys(untold).length === 0) return taken;
  const note = `Must also satisfy ${JSON.stringify(untold).slice(0, MAX_NOTE)}`;
  return { ...taken, description: taken.description === undefined ? note : `${taken.description} ${note}` };
}

/** One member in the API's words; undefined for one that it does not take. */
function convert(member: string, value: unknown): Schema | undefined {
  if (TAKEN.has(member)) return { [member]: value };
  switch (member) {
    case 'description':
      return { description: String(value) };
    case 'nullable':
      return { nullable: value };
    case 'const':
      return enumOf([value]);
    case 'enum':
      return enumOf(value);
    case 'format':
      return FORMATS.includes(value) ? { format: value } : undefined;
    case 'properties':
    case '$defs':
    case 'definitions':
      return { [member === 'definitions' ? '$defs' : member]: mapValues(value) };
    case 'prefixItems':
    case 'anyOf':
    case 'oneOf':
      return Array.isArray(value) ? { [member]: value.map(subschema) } : undefined;
    case 'items':
    case 'additionalProperties':
      return { [member]: typeof value === 'boolean' ? value : subschema(value) };
    default:
      return undefined;
  }
}

/** Only strings and numbers may be listed; that null is allowed stands in the type. */
function enumOf(values: unknown): Schema | undefined {
  if (!Array.isArray(values)) return undefined;
  const listed = values.filter((value) => value !== null);
  const simple = listed.every((value) => typeof value === 'string' || typeof value === 'number');
  return simple && listed.length > 0 ? { enum: listed } : undefined;
}

function mapValues(schemas: unknown): Schema {
  return Object.fromEntries(Object.entries(schemas as object).map(([name, schema]) => [name, subschema(schema)]));
}

/** `true` allows everything; `false`, which allows nothing, cannot be said. */
function subschema(schema: unknown): Schema {
  return typeof schema === 'object' && schema !== null ? toGeminiSchema(schema as Schema) : {};
}
