type Schema = Record<string, unknown>;

/** Members that `responseSchema` takes as they are. Source: `Schema` of @google/genai. */
const TAKEN = ['title', 'format', 'minItems', 'maxItems', 'minimum', 'maximum', 'required', 'propertyOrdering'];
const MAX_DEPTH = 12;

/**
 * A schema of `responseJsonSchema` in the older words of `responseSchema`. Jobs with the newer ones were seen to answer in whatever
 * shape, without a word of why. What the older words cannot say is left out; the answer is checked against all of it anyway.
 */
export function toBatchSchema(schema: Schema): Schema {
  const { $defs } = schema;
  return convert(schema, isSchema($defs) ? $defs : {}, 0);
}

function convert(schema: Schema, defs: Schema, depth: number): Schema {
  const target = typeof schema.$ref === 'string' ? defs[schema.$ref.replace('#/$defs/', '')] : undefined;
  if (isSchema(target) && depth < MAX_DEPTH) return convert(target, defs, depth + 1);
  const inner = (value: unknown) => (isSchema(value) && depth < MAX_DEPTH ? convert(value, defs, depth + 1) : {});
  const types = [schema.type].flat().filter((type): type is string => typeof type === 'string');
  const named = types.filter((type) => type !== 'null');
  const choices = [schema.anyOf, schema.oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  const some = choices.filter((choice) => !(isSchema(choice) && choice.type === 'null'));
  const isNullable = named.length < types.length || some.length < choices.length;
  const out: Schema = {};
  for (const member of TAKEN) if (schema[member] !== undefined) out[member] = schema[member];
  if (typeof schema.description === 'string') out.description = schema.description;
  if (isNullable) out.nullable = true;
  if (named.length === 1) out.type = named[0]?.toUpperCase();
  const alternatives = [
    ...some.map(inner),
    ...(named.length > 1 ? named.map((type) => ({ type: type.toUpperCase() })) : []),
  ];
  if (alternatives.length === 1) return { ...alternatives[0], ...out };
  if (alternatives.length > 1) out.anyOf = alternatives;
  if (isSchema(schema.properties)) {
    out.properties = Object.fromEntries(Object.entries(schema.properties).map(([name, value]) => [name, inner(value)]));
  }
  if (schema.items !== undefined) out.items = inner(schema.items);
  // Only texts may be listed there.
  if (Array.isArray(schema.enum) && schema.enum.every((value) => typeof value === 'string')) {
    Object.assign(out, { type: 'STRING', format: 'enum', enum: schema.enum });
  }
  return out;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
