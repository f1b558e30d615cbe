import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { z } from 'zod';
import { hashOf } from '../lib/hash.ts';

/** A JSON Schema as users write it. */
export type JsonSchema = Record<string, unknown>;

/** Unknown keywords are faults of the schema, most of them slips of the pen; everything valid is taken. */
const OPTIONS: Options = { strict: false, strictSchema: true, allErrors: true, logger: false };

/** Keywords that Gemini and OpenAPI have besides. */
const OTHER_KEYWORDS = ['propertyOrdering', 'example'];

const MOST_ERRORS = 8;
const MOST_COMPILED = 50;

const compiled = new Map<string, ValidateFunction>();

/** A setting that holds a JSON Schema (draft 7 or 2020-12); one that is not valid says what is wrong with it. */
export const jsonSchemaSetting: z.ZodType<JsonSchema> = z
  .record(z.string(), z.unknown())
  .superRefine((schema, context) => {
    try {
      validatorOf(schema);
    } catch (thrown) {
      const what = thrown instanceof Error ? thrown.message : String(thrown);
      context.addIssue({ code: 'custom', message: `this is no valid JSON Schema (${what})` });
    }
  });

/** Values that fit the schema, unchanged; what does not fit is said with its place. */
export function shapeOf(schema: JsonSchema): z.ZodType<unknown> {
  return z.unknown().superRefine((value, context) => {
    const validate = validatorOf(schema);
    if (validate(value)) return;
    for (const error of (validate.errors ?? []).slice(0, MOST_ERRORS)) {
      context.addIssue({ code: 'custom', path: pathOf(error), message: messageOf(error) });
    }
  });
}

function validatorOf(schema: JsonSchema): ValidateFunction {
  const key = hashOf(schema);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const isDraft7 = typeof schema.$schema === 'string' && /draft-0[67]/.test(schema.$schema);
  const ajv = isDraft7 ? new Ajv(OPTIONS) : new Ajv2020(OPTIONS);
  formats.default(ajv);
  for (const keyword of OTHER_KEYWORDS) ajv.addKeyword(keyword);
  const validate = ajv.compile(schema);
  if (compiled.size >= MOST_COMPILED) compiled.clear();
  compiled.set(key, validate);
  return validate;
}

function pathOf({ instancePath }: ErrorObject): string[] {
  const names = instancePath.split('/').slice(1);
  return names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What a rule allows stands in its parameters, not in its message. */
function messageOf({ keyword, message = 'does not fit', params }: ErrorObject): string {
  if (keyword === 'enum') return `must be one of ${JSON.stringify(params.allowedValues)}`;
  if (keyword === 'const') return `must be ${JSON.stringify(params.allowedValue)}`;
  if (keyword === 'additionalProperties')
    return `must not have the property ${JSON.stringify(params.additionalProperty)}`;
  return message;
}
