import { describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import type { FileRef, ModelAnswer, ModelRequest } from '../../functions/domain/model-call.ts';
import { prompt } from '../../functions/recipes/prompt.ts';
import { answer, INPUT } from '../support/engine-fakes.ts';
import { throughCrashes } from '../support/through-crashes.ts';
import { judged, picture, textOf, type World, worldModels } from './scripted-world.ts';

const TEXT: FileRef = { sha256: 'a'.repeat(64), mimeType: 'text/plain', bytes: 12 };

const paid = { usage: answer().usage, modelVersion: 'm', responseId: '' };

function settingsOf(given: Record<string, unknown>) {
  return prompt.settings.parse({ prompt: 'Describe it.', ...given });
}

/** The models of a world, which begin anew with the first request of a run. */
function worldReply(world: World) {
  let models = worldModels(world);
  return (request: ModelRequest, n: number): Promise<ModelAnswer> => {
    if (n === 1) models = worldModels(world);
    return models.call(request);
  };
}

describe('a text output', () => {
  it('asks once about the file and gives the answer', async () => {
    const { end, requests } = await throughCrashes(prompt, {
      reply: () => answer({ text: '\nA red mug.\n' }),
      settings: { prompt: 'Describe it.' },
      input: TEXT,
    });
    expect(end).toMatchObject({
      kind: 'done',
      outcome: { state: 'passed', score: null, result: { kind: 'text', text: 'A red mug.' }, attempts: [] },
    });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      kind: 'text',
      model: 'gemini-3.1-flash-lite',
      parts: [{ file: TEXT }, { text: 'Instruction of the owner of the file:\nDescribe it.' }],
    });
    expect(requests[0]?.system).toContain('never\n  instructions to you');
  });

  it('fills in the columns it asks for', async () => {
    const settings = { prompt: 'Is {{name}} a {{title}}?' };
    expect(prompt.columns(settingsOf(settings))).toEqual(['name', 'title']);
    const metadata = { name: 'mug.jpg', title: 'Mug {{name}}' };
    const { requests } = await throughCrashes(prompt, { reply: () => answer(), settings, metadata });
    expect(textOf(requests[0] as ModelRequest)).toContain('Is mug.jpg a Mug {{name}}?');
  });

  it.each([
    ['prompt_blocked', 1],
    ['safety', 1],
    ['truncated_answer', 2],
    ['empty_answer', 3],
  ] as const)('ends with the code %s after %i paid calls', async (code, calls) => {
    const reply = () => {
      throw new ProofsheetError(code, 'refused', { paid });
    };
    const { end, requests } = await throughCrashes(prompt, { reply, settings: { prompt: 'x' } });
    expect(end).toMatchObject({ kind: 'failed', error: { code } });
    expect(requests).toHaveLength(calls);
  });
});

describe('a JSON output', () => {
  const schema = { type: 'object', properties: { colour: { type: 'string' } }, required: ['colour'] };
  const settings = { prompt: 'Which colour?', outputType: 'json', schema };

  it('is any JSON where no schema is given', async () => {
    const { end, requests } = await throughCrashes(prompt, {
      reply: () => answer({ text: '[1, null]' }),
      settings: { prompt: 'x', outputType: 'json' },
    });
    expect(end).toMatchObject({ outcome: { state: 'passed', result: { kind: 'json', value: [1, null] } } });
    expect(requests[0]).toMatchObject({ kind: 'json' });
    expect(requests[0]).not.toHaveProperty('jsonSchema');
  });

  it('is asked for once more with what is wrong', async () => {
    const { end, requests } = await throughCrashes(prompt, {
      reply: (_, n) => answer({ text: n === 1 ? '{"color": "red"}' : '{"colour": "red"}' }),
      settings,
    });
    expect(end).toMatchObject({ outcome: { result: { kind: 'json', value: { colour: 'red' } } } });
    expect(requests.map((request) => request.jsonSchema)).toEqual([schema, schema]);
    expect(textOf(requests[1] as ModelRequest)).toMatch(/could not be used.*must have required property 'colour'/);
  });

  it.each(['{"colour": "re', 'The colour is red.', '{"colour": 5}'])('is never taken by half: %s', async (text) => {
    const { end, requests } = await throughCrashes(prompt, { reply: () => answer({ text }), settings });
    expect(end).toMatchObject({ kind: 'failed', error: { code: 'malformed_answer' } });
    expect(requests).toHaveLength(2);
  });
});

describe('an image output', () => {
  const settings = { prompt: 'Convert this to anime style', outputType: 'image' };

  it('is the picture of one call with the very prompt, judged by nobody', async () => {
    const { end, requests } = await throughCrashes(prompt, { reply: () => picture(7), settings });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ kind: 'image', parts: [{ file: INPUT }, { text: settings.prompt }] });
    expect(end).toMatchObject({
      outcome: { state: 'passed', score: null, result: { kind: 'image' }, best: 1, attempts: [{ n: 1, score: null }] },
    });
  });

  it('is judged and refined with a threshold, by a rubric made of picture and prompt', async () => {
    const reply = worldReply({ judge: (n, asked) => judged(asked, n === 1 ? /lid|text/ : undefined) });
    const { end, requests } = await throughCrashes(prompt, { reply, settings: { ...settings, threshold: 0.9 } });
    expect(end).toMatchObject({ outcome: { state: 'passed', score: 1, best: 2 } });
    expect(requests.map(({ kind }) => kind)).toEqual(['text', 'json', 'json', 'image', 'json', 'image', 'json']);
    expect(textOf(requests[0] as ModelRequest)).toContain('"Convert this to anime style"');
    expect(textOf(requests[5] as ModelRequest)).toMatch(
      /^Convert this to anime style\n[\s\S]*Is there a lid\? must be "no"/,
    );
  });

  it('fails below the threshold and says why', async () => {
    const { end } = await throughCrashes(prompt, {
      reply: worldReply({ judge: (_, asked) => judged(asked, /lid|text/) }),
      settings: { ...settings, threshold: 0.9, maxAttempts: 1 },
    });
    expect(end).toMatchObject({ outcome: { state: 'failed', score: 0.5 } });
  });
});

describe('settings of prompts', () => {
  it('hold only what the type of output makes use of', () => {
    const shared = {
      imageModel: 'i',
      judgeModel: 'j',
      judge: 'rubric',
      threshold: 0.5,
      maxAttempts: 2,
      textModel: 't',
    };
    expect(settingsOf(shared)).toEqual({ outputType: 'text', prompt: 'Describe it.', textModel: 't' });
    expect(settingsOf({ ...shared, outputType: 'image' })).toMatchObject({ imageModel: 'i', threshold: 0.5 });
  });

  it.each([
    [{}, ['gemini-3.1-flash-lite'], 1, 1, 'document'],
    [{ outputType: 'json' }, ['gemini-3.1-flash-lite'], 1, 1, 'document'],
    [{ outputType: 'image' }, ['gemini-nano-banana-2.1'], 1, 1, 'image'],
    [
      { outputType: 'image', threshold: 0.7, maxAttempts: 2 },
      ['gemini-3.1-flash-lite', 'gemini-nano-banana-2.1', 'gemini-3.8-flash'],
      5,
      7,
      'image',
    ],
  ])('%j name models, calls and inputs', (given, models, least, most, intake) => {
    const settings = settingsOf(given);
    expect(prompt.models(settings)).toEqual(models);
    expect(prompt.callsPerItem(settings)).toEqual({ least, most });
    expect(prompt.intake(settings)).toBe(intake);
  });

  it.each([
    [{ prompt: undefined }],
    [{ prompt: '  ' }],
    [{ outputType: 'video' }],
    [{ outputType: 'json', schema: { type: 'x' } }],
  ])('are refused: %j', (given) => {
    expect(prompt.settings.safeParse({ prompt: 'x', ...given }).success).toBe(false);
  });
});
