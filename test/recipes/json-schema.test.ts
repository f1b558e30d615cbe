import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { jsonSchemaSetting, shapeOf } from '../../functions/recipes/json-schema.ts';

const INVOICE = {
  type: 'object',
  properties: {
    number: { type: 'string', pattern: '^[0-9]+$' },
    total: { type: 'number', minimum: 0 },
    due: { type: 'string', format: 'date' },
    state: { enum: ['open', 'paid'] },
    lines: { type: 'array', items: { $ref: '#/$defs/line' }, minItems: 1 },
  },
  required: ['number', 'lines'],
  additionalProperties: false,
  $defs: { line: { type: 'object', properties: { text: { type: 'string', default: 'none' } } } },
};

function problemsOf(schema: Record<string, unknown>, value: unknown): string {
  const parsed = shapeOf(schema).safeParse(value);
  return parsed.success ? '' : z.prettifyError(parsed.error);
}

describe("a user's JSON Schema", () => {
  it.each<[string, unknown]>([
    ['the common case', INVOICE],
    [
      'draft 7',
      { $schema: 'http://json-schema.org/draft-07/schema#', definitions: { a: {} }, $ref: '#/definitions/a' },
    ],
    ['2020-12', { $schema: 'https://json-schema.org/draft/2020-12/schema', prefixItems: [{ type: 'string' }] }],
    ['words of Gemini and OpenAPI', { type: 'string', nullable: true, propertyOrdering: ['a'], example: 'x' }],
    ['conditions', { not: { type: 'string' }, dependentRequired: { a: ['b'] } }],
  ])('is taken: %s', (_, schema) => {
    expect(jsonSchemaSetting.safeParse(schema).error).toBeUndefined();
  });

  it.each<[string, unknown, RegExp]>([
    ['a type that does not exist', { type: 'strnig' }, /no valid JSON Schema .*type/],
    ['a slip of the pen', { type: 'object', propertys: {} }, /unknown keyword: "propertys"/],
    ['a reference to elsewhere', { $ref: 'https://example.com/x.json' }, /can't resolve reference/],
    ['a list', [INVOICE], /expected record/],
    ['a text', 'object', /expected record/],
  ])('is refused: %s', (_, schema, message) => {
    const parsed = jsonSchemaSetting.safeParse(schema);
    expect(parsed.error?.issues[0]?.message).toMatch(message);
  });

  it('gives values that fit as they are, without defaults', () => {
    const value = { number: '17', lines: [{}, { text: 'mug', extra: 1 }] };
    expect(shapeOf(INVOICE).parse(value)).toBe(value);
  });

  it('says what does not fit and where', () => {
    const problems = problemsOf(INVOICE, { number: 'x', total: -1, due: 'soon', state: 'lost', lines: [], extra: 1 });
    for (const problem of [
      'must not have the property "extra"',
      /must match pattern .*\n.*at number/,
      /must be >= 0\n.*at total/,
      /must match format "date"\n.*at due/,
      /must be one of \["open","paid"\]\n.*at state/,
      /must NOT have fewer than 1 items\n.*at lines/,
    ])
      expect(problems).toMatch(problem);
    expect(problemsOf(INVOICE, { lines: [{ text: 5 }] })).toMatch(/'number'[\s\S]*must be string\n.*at lines\[?\.?0/);
  });
});
