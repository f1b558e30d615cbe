import { describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import type { ModelRequest } from '../../functions/domain/model-call.ts';
import { analyze } from '../../functions/recipes/analyze.ts';
import { answer, INPUT } from '../support/engine-fakes.ts';
import { throughCrashes } from '../support/through-crashes.ts';
import { textOf } from './scripted-world.ts';

const PRODUCT = {
  title: 'red mug',
  category: 'home and kitchen',
  subcategory: 'mug',
  colours: ['red'],
  materials: ['stoneware'],
  pattern: 'plain',
  style: ['rustic'],
  occasions: [],
  audience: 'everyone',
  brand: null,
  visible_text: ['HOT'],
  items_shown: 1,
  description: 'A red mug.',
  keywords: ['mug'],
  confidence: 0.9,
};
const paid = { usage: answer().usage, modelVersion: 'm', responseId: '' };

describe('an analysis', () => {
  it('asks one model once for the built-in product shape', async () => {
    const { end, requests } = await throughCrashes(analyze, { reply: () => answer({ text: JSON.stringify(PRODUCT) }) });
    expect(end).toMatchObject({ outcome: { state: 'passed', score: null, result: { kind: 'json', value: PRODUCT } } });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ kind: 'json', model: 'gemini-3.1-flash-lite', parts: [{ file: INPUT }] });
    const properties = Object.keys(requests[0]?.jsonSchema?.properties ?? {});
    expect(properties).toEqual(Object.keys(PRODUCT));
  });

  it('asks for the shape of the schema that is given, and for what the prompt adds', async () => {
    const schema = { type: 'object', properties: { fit: { enum: ['slim', 'wide'] } }, required: ['fit'] };
    const settings = { schema, prompt: 'Mind the fit of the {{title}}.' };
    expect(analyze.columns(analyze.settings.parse(settings))).toEqual(['title']);
    const { end, requests } = await throughCrashes(analyze, {
      reply: () => answer({ text: '{"fit": "slim", "more": 1}' }),
      settings,
      metadata: { title: 'tank top' },
    });
    expect(end).toMatchObject({ outcome: { result: { kind: 'json', value: { fit: 'slim', more: 1 } } } });
    expect(requests[0]?.jsonSchema).toEqual(schema);
    expect(textOf(requests[0] as ModelRequest)).toContain('Mind the fit of the tank top.');
  });

  it('is repaired once, with what is wrong in it', async () => {
    const wrong = JSON.stringify({ ...PRODUCT, category: 'mugs', confidence: 2 });
    const { end, requests } = await throughCrashes(analyze, {
      reply: (_, n) => answer({ text: n === 1 ? wrong : JSON.stringify(PRODUCT) }),
    });
    expect(end).toMatchObject({ kind: 'done', outcome: { result: { value: PRODUCT } } });
    expect(requests).toHaveLength(2);
    const repair = textOf(requests[1] as ModelRequest);
    expect(repair).toMatch(/expected one of "clothing"[\s\S]*at category[\s\S]*at confidence/);
    expect(repair).not.toContain('stoneware');
  });

  it('is no result at all when the repair fails too', async () => {
    const { end, requests } = await throughCrashes(analyze, { reply: () => answer({ text: '{"title": "red mug"}' }) });
    expect(end).toMatchObject({ kind: 'failed', error: { code: 'malformed_answer' } });
    expect(requests).toHaveLength(2);
  });

  it('that was cut off is asked for again with more room, then given up', async () => {
    const reply = () => {
      throw new ProofsheetError('truncated_answer', 'cut', { paid });
    };
    const { end, requests } = await throughCrashes(analyze, { reply });
    expect(end).toMatchObject({ kind: 'failed', error: { code: 'truncated_answer' } });
    expect(requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([undefined, 4096]);
  });
});
