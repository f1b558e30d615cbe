import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { SIMULATED_MODEL_IDS } from '../../functions/platform/local/model-router.ts';
import { simulatedModels } from '../../functions/platform/local/simulated-models.ts';
import { analyze } from '../../functions/recipes/analyze.ts';
import { productShape } from '../../functions/recipes/product-shape.ts';
import { prompt } from '../../functions/recipes/prompt.ts';
import { type Objects, opener, runRecipe, stored } from '../support/run-recipe.ts';

const MUG = fileURLToPath(new URL('../../../shared/data/products/mug.jpg', import.meta.url));

/** A red square on white. */
function square(): Promise<Buffer> {
  const inner = sharp({ create: { width: 160, height: 160, channels: 3, background: '#c02020' } });
  return inner.extend({ top: 60, bottom: 60, left: 90, right: 90, background: 'white' }).png().toBuffer();
}

async function run(recipe: typeof prompt | typeof analyze, bytes: Uint8Array, mimeType: string, settings: object = {}) {
  const objects: Objects = new Map();
  const size = mimeType.startsWith('image/') ? { width: 340, height: 280 } : {};
  const input = { ...stored(objects, bytes, mimeType), ...size };
  const models = simulatedModels({ open: opener(objects) });
  const all = { ...SIMULATED_MODEL_IDS, ...settings };
  const { outcome, error } = await runRecipe(recipe as typeof prompt, { models, objects, input, settings: all });
  expect(error).toBeUndefined();
  if (outcome === undefined) throw new Error('no outcome');
  return { outcome, objects };
}

const ask = { prompt: 'What is this?' };

describe('simulated answers to prompts', () => {
  it('tell of a picture what can be measured, of a text and a PDF what can be counted', async () => {
    const picture = await run(prompt, await square(), 'image/png', ask);
    expect(picture.outcome.result).toMatchObject({
      text: expect.stringMatching(/^Simulated description[\s\S]*red[\s\S]*340 × 280 pixels\.$/),
    });
    const text = await run(
      prompt,
      Buffer.from('# Mugs\n\nRed mugs, blue mugs, tall mugs and plates, plates.'),
      'text/plain',
      ask,
    );
    expect(text.outcome.result).toMatchObject({
      text: 'Simulated answer, counted and not understood. The text has 2 lines, 10 words and 58 characters. Most frequent longer words: plates. It begins with "# Mugs".',
    });
    const pages = '%PDF-1.4\n<< /Type /Pages >>\n<< /Type /Page >>\n<</Type/Page>>';
    const pdf = await run(prompt, Buffer.from(pages), 'application/pdf', ask);
    expect(pdf.outcome.result).toMatchObject({ text: expect.stringContaining('2 pages and 60 bytes') });
  });

  it('give JSON with and without a schema', async () => {
    const free = await run(prompt, await square(), 'image/png', { ...ask, outputType: 'json' });
    expect(free.outcome.result).toMatchObject({ value: { colours: ['red'], width: 340, height: 280 } });
    const schema = {
      type: 'object',
      properties: {
        main_colour: { enum: ['blue', 'red', 'other'] },
        material: { enum: ['steel', 'unknown'] },
        size: { $ref: '#/$defs/size' },
        parts: { type: 'array', items: { type: 'object', properties: { sold: { type: 'boolean' } } }, minItems: 2 },
        seller: { type: ['string', 'null'] },
        note: { anyOf: [{ type: 'null' }, { type: 'string' }] },
        since: { type: 'string', format: 'date' },
        code: { type: 'string', minLength: 12, maxLength: 12 },
        share: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
        kind: { const: 'mug' },
      },
      required: ['main_colour', 'material', 'size', 'parts', 'seller', 'note', 'since', 'code', 'share', 'kind'],
      additionalProperties: false,
      $defs: { size: { type: 'object', properties: { width: { type: 'integer' } }, required: ['width'] } },
    };
    const { outcome } = await run(prompt, await square(), 'image/png', { ...ask, outputType: 'json', schema });
    expect(outcome.result).toMatchObject({
      value: { main_colour: 'red', material: 'unknown', size: { width: 340 }, seller: null, note: null, kind: 'mug' },
    });
  });

  it('come to an end where a schema names itself', async () => {
    const schema = { type: 'object', properties: { child: { $ref: '#' } } };
    const { outcome } = await run(prompt, await square(), 'image/png', { ...ask, outputType: 'json', schema });
    expect(outcome.result).toMatchObject({ kind: 'json', value: { child: { child: {} } } });
  });

  it('edit the picture by the words of the instruction', async () => {
    const original = await square();
    for (const words of ['anime style', 'black and white', 'pencil sketch', 'sepia', 'nicer']) {
      const settings = { prompt: `Convert this to ${words}`, outputType: 'image' };
      const { outcome, objects } = await run(prompt, original, 'image/png', settings);
      const made = outcome.result?.kind === 'image' ? objects.get(outcome.result.file.sha256) : undefined;
      const facts = await sharp(made).metadata();
      expect([facts.format, facts.width, facts.height], words).toEqual(['jpeg', 340, 280]);
      const { channels } = await sharp(made).stats();
      const isGrey = Math.abs((channels[0]?.mean ?? 0) - (channels[2]?.mean ?? 0)) < 3;
      expect(isGrey, words).toBe(/black|pencil/.test(words));
    }
  });
});

describe('simulated analyses', () => {
  it('fit the built-in shape and hold what was measured', async () => {
    const { outcome } = await run(analyze, await square(), 'image/png');
    const value = outcome.result?.kind === 'json' ? outcome.result.value : undefined;
    expect(productShape.parse(value)).toMatchObject({
      colours: ['red'],
      items_shown: 1,
      category: 'other',
      brand: null,
    });
  });
});

describe.skipIf(!existsSync(MUG))('a real photograph (skipped without ../shared/data/products)', () => {
  it('is drawn, judged by its measures, and kept closer to the original where it fails', async () => {
    const settings = { prompt: 'Convert this to anime style', outputType: 'image', threshold: 0.95 };
    const { outcome } = await run(prompt, readFileSync(MUG), 'image/jpeg', settings);
    expect(outcome.rubric?.questions.length).toBeGreaterThan(5);
    expect(outcome.attempts.length).toBeGreaterThanOrEqual(1);
    expect(outcome.score).toBeGreaterThan(0.6);
  });
});
