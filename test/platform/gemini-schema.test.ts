import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { toGeminiSchema } from '../../functions/platform/google/gemini-schema.ts';

describe('a schema as the Gemini API takes it', () => {
  it('passes on what is taken', () => {
    const schema = {
      type: 'object',
      title: 'Mug',
      description: 'A mug.',
      properties: {
        colour: { type: 'string', enum: ['red', 'blue'] },
        size: { type: ['integer', 'null'], minimum: 1, maximum: 9 },
        parts: { type: 'array', items: { $ref: '#/$defs/part' }, minItems: 1, maxItems: 4 },
        either: { anyOf: [{ type: 'string', format: 'date' }, { type: 'number' }] },
      },
      required: ['colour'],
      additionalProperties: false,
      $defs: { part: { type: 'string' } },
    };
    expect(toGeminiSchema(schema)).toEqual(schema);
  });

  it('passes on the shapes of the recipes', () => {
    const { $schema: _, ...schema } = z.toJSONSchema(z.object({ a: z.array(z.object({ b: z.string().nullable() })) }));
    expect(toGeminiSchema(schema)).toEqual(schema);
  });

  it.each([
    [{ const: 'mug' }, { enum: ['mug'] }],
    [{ type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [
      { type: ['string', 'null'], enum: ['a', null] },
      { type: ['string', 'null'], enum: ['a'] },
    ],
    [{ $ref: '#/definitions/a', description: 'x' }, { $ref: '#/$defs/a' }],
    [
      { $ref: '#/definitions/a', definitions: { a: { type: 'string', minLength: 1 } } },
      { $ref: '#/$defs/a', $defs: { a: { type: 'string', description: 'Must also satisfy {"minLength":1}' } } },
    ],
    [
      { type: 'array', items: { const: 1 }, prefixItems: [true] },
      { type: 'array', items: { enum: [1] }, prefixItems: [{}] },
    ],
    [{ $schema: 'x', $comment: 'x', default: 1, examples: [1], type: 'integer' }, { type: 'integer' }],
  ])('%j becomes %j', (schema, expected) => {
    expect(toGeminiSchema(schema)).toEqual(expected);
  });

  it('says the other rules in words', () => {
    const schema = {
      type: 'string',
      description: 'A number plate.',
      pattern: '^[A-Z]+$',
      maxLength: 8,
      format: 'email',
    };
    expect(toGeminiSchema(schema)).toEqual({
      type: 'string',
      description: 'A number plate. Must also satisfy {"pattern":"^[A-Z]+$","maxLength":8,"format":"email"}',
    });
    expect(toGeminiSchema({ enum: [true, 'x'] })).toEqual({ description: 'Must also satisfy {"enum":[true,"x"]}' });
  });
});
