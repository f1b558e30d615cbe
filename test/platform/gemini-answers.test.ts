import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../functions/domain/errors.ts';
import { readAnswer } from '../../functions/platform/google/gemini-answer.ts';
import {
  blockedReply,
  declinedReply,
  imagePart,
  imageReply,
  jsonReply,
  partsReply,
  type Reply,
  SMALL_PNG,
  textReply,
} from '../support/gemini-replies.ts';
import { failureOf, geminiSetup, requestOf, STANDARD } from '../support/gemini-setup.ts';
import { solidPng } from '../support/png.ts';

type Kind = 'text' | 'json' | 'image';
const OTHER_PNG = solidPng(16, 16, [0, 0, 255]);
const LONG_TEXT = 'I cannot draw that for you. '.repeat(20);

/** Reply, kind of the call, code, and a word that the message must contain. */
const REFUSALS: [name: string, kind: Kind, reply: Reply, code: ErrorCode, says: string][] = [
  ['a blocked prompt', 'text', blockedReply('SAFETY'), 'prompt_blocked', 'SAFETY'],
  ['a blocked picture prompt', 'image', blockedReply('IMAGE_SAFETY'), 'prompt_blocked', 'IMAGE_SAFETY'],
  ['a blocked term in the prompt', 'text', blockedReply('BLOCKLIST'), 'prompt_blocked', 'BLOCKLIST'],
  ['a prohibited prompt', 'image', blockedReply('PROHIBITED_CONTENT'), 'prompt_blocked', 'PROHIBITED_CONTENT'],
  ['another block', 'text', blockedReply('OTHER'), 'prompt_blocked', 'OTHER'],
  ['a block with a message', 'text', blockedReply('MODEL_ARMOR', 'template 7'), 'prompt_blocked', 'template 7'],
  ['a block and no list', 'image', { ...blockedReply('SAFETY'), candidates: [] }, 'prompt_blocked', 'SAFETY'],
  [
    'a block and an empty candidate',
    'text',
    { ...blockedReply('JAILBREAK'), candidates: [{}] },
    'prompt_blocked',
    'JA',
  ],
  ['no candidates', 'text', { candidates: [], usageMetadata: { promptTokenCount: 9 } }, 'empty_answer', 'no candidate'],
  ['usage alone', 'image', { usageMetadata: { promptTokenCount: 9 } }, 'empty_answer', 'no candidate'],
  ['IMAGE_SAFETY', 'image', declinedReply('IMAGE_SAFETY'), 'image_safety', 'IMAGE_SAFETY'],
  [
    'IMAGE_PROHIBITED_CONTENT',
    'image',
    declinedReply('IMAGE_PROHIBITED_CONTENT'),
    'image_prohibited_content',
    'IMAGE_P',
  ],
  ['IMAGE_RECITATION', 'image', declinedReply('IMAGE_RECITATION'), 'image_recitation', 'IMAGE_RECITATION'],
  ['NO_IMAGE', 'image', declinedReply('NO_IMAGE'), 'no_image', 'NO_IMAGE'],
  ['IMAGE_OTHER', 'image', declinedReply('IMAGE_OTHER'), 'image_other', 'IMAGE_OTHER'],
  ['words instead of a picture', 'image', textReply('Which side should I draw?'), 'answered_in_words', 'Which side'],
  ['many words', 'image', textReply(LONG_TEXT), 'answered_in_words', `${LONG_TEXT.slice(0, 199)}…`],
  ['STOP with nothing on a picture call', 'image', partsReply([]), 'no_image', 'neither'],
  ['STOP without content', 'image', declinedReply('STOP'), 'no_image', 'neither'],
  ['STOP with nothing', 'text', partsReply([]), 'empty_answer', 'no text'],
  ['white space only', 'json', textReply(' \n'), 'empty_answer', 'no text'],
  ['thoughts only', 'text', partsReply([{ text: 'Let me see', thought: true }]), 'empty_answer', 'no text'],
  ['a thought picture only', 'image', partsReply([{ ...imagePart(OTHER_PNG), thought: true }]), 'no_image', 'neither'],
  ['a picture without bytes', 'image', partsReply([imagePart(Buffer.alloc(0))]), 'no_image', 'neither'],
  ['half a text', 'text', textReply('A red squ', { finishReason: 'MAX_TOKENS' }), 'truncated_answer', 'MAX_TOKENS'],
  ['half a JSON', 'json', textReply('{"a": ', { finishReason: 'MAX_TOKENS' }), 'truncated_answer', 'MAX_TOKENS'],
  ['the limit before any text', 'json', declinedReply('MAX_TOKENS'), 'truncated_answer', 'MAX_TOKENS'],
  [
    'an answer to be continued',
    'text',
    textReply('A red', { finishReason: 'CONTINUATION' }),
    'truncated_answer',
    'CONT',
  ],
  ['SAFETY', 'text', declinedReply('SAFETY'), 'safety', 'SAFETY'],
  ['SAFETY after some text', 'text', textReply('A red', { finishReason: 'SAFETY' }), 'safety', 'SAFETY'],
  ['RECITATION', 'text', declinedReply('RECITATION'), 'recitation', 'RECITATION'],
  ['LANGUAGE', 'text', declinedReply('LANGUAGE'), 'unsupported_language', 'LANGUAGE'],
  ['BLOCKLIST', 'text', declinedReply('BLOCKLIST'), 'blocklist', 'BLOCKLIST'],
  ['PROHIBITED_CONTENT', 'image', declinedReply('PROHIBITED_CONTENT'), 'prohibited_content', 'PROHIBITED_CONTENT'],
  ['SPII', 'text', declinedReply('SPII'), 'sensitive_data', 'SPII'],
  ['MALFORMED_FUNCTION_CALL', 'text', declinedReply('MALFORMED_FUNCTION_CALL'), 'malformed_answer', 'MALFORMED'],
  ['MALFORMED_RESPONSE', 'json', declinedReply('MALFORMED_RESPONSE'), 'malformed_answer', 'MALFORMED'],
  ['UNEXPECTED_TOOL_CALL', 'text', declinedReply('UNEXPECTED_TOOL_CALL'), 'model_declined', 'UNEXPECTED_TOOL_CALL'],
  ['OTHER', 'image', declinedReply('OTHER'), 'model_declined', 'OTHER'],
  ['a reason of the future', 'text', declinedReply('TIRED'), 'model_declined', 'TIRED'],
];

describe('refusals in a 200 answer', () => {
  it.each(REFUSALS)('%s (%s)', async (_name, kind, reply, code, says) => {
    const { server, models } = await geminiSetup({ respond: () => reply });
    const error = await failureOf(models.call(requestOf(kind), STANDARD));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`fake-${kind}`);
    expect(error.message).toContain(says);
    expect(error.message.length).toBeLessThan(500);
    expect(error).toMatchObject({ disposition: 'permanent', scope: 'item', retryAfterMs: undefined });
    const { promptTokenCount } = reply.usageMetadata as { promptTokenCount: number };
    expect(error.paid?.usage.input).toBe(promptTokenCount);
    expect(error.paid?.modelVersion).toBe(reply.modelVersion ?? `fake-${kind}`);
    expect(error.paid?.responseId).toBe(reply.responseId ?? '');
    expect(server.calls).toHaveLength(1);
    expect(server.counts.paid).toBe(1);
  });
});

it('tells what the model says about its refusal, shortened', async () => {
  const reply = declinedReply('IMAGE_SAFETY', { finishMessage: `Try other\nwords. ${LONG_TEXT}` });
  const auth = { kind: 'vertex', project: 'p', location: 'global', apiKey: 'k' } as const;
  const { models } = await geminiSetup({ respond: () => reply }, { auth });
  const error = await failureOf(models.call(requestOf('image'), STANDARD));
  expect(error.message).toMatch(/^fake-image stopped with IMAGE_SAFETY \("Try other words\. .{180,200}…"\): the /);
});

describe('useful answers', () => {
  it('joins the text parts that are no thoughts', async () => {
    const parts = [{ text: 'Hmm. ', thought: true }, { text: 'A red ' }, { text: 'square.' }];
    const { models } = await geminiSetup({ respond: () => partsReply(parts, { modelVersion: 'fake-text-002' }) });
    expect(await models.call(requestOf('text'), STANDARD)).toEqual({
      text: 'A red square.',
      usage: { input: 300, cached: 0, output: 4, outputImage: 0, thoughts: 100 },
      modelVersion: 'fake-text-002',
      responseId: 'reply-1',
    });
  });

  it('gives JSON unparsed', async () => {
    const { models } = await geminiSetup({ respond: () => jsonReply({ colour: 'red' }) });
    expect((await models.call(requestOf('json'), STANDARD)).text).toBe('{"colour":"red"}');
  });

  it('takes the first picture that is no thought, alone and byte for byte', async () => {
    const parts = [
      { ...imagePart(OTHER_PNG), thought: true },
      { text: 'Here it is.' },
      imagePart(SMALL_PNG),
      imagePart(OTHER_PNG, 'image/webp'),
    ];
    const { models } = await geminiSetup({ respond: () => partsReply(parts) });
    const answer = await models.call(requestOf('image'), STANDARD);
    expect(answer.image?.mimeType).toBe('image/png');
    expect(Buffer.from(answer.image?.bytes ?? []).equals(SMALL_PNG)).toBe(true);
    expect(answer.text).toBeUndefined();
  });

  it('leaves parts aside that are no picture', async () => {
    const parts = [imagePart(Buffer.from('RIFF'), 'audio/wav'), imagePart(SMALL_PNG)];
    const { models } = await geminiSetup({ respond: () => partsReply(parts) });
    expect((await models.call(requestOf('image'), STANDARD)).image?.mimeType).toBe('image/png');
  });

  it('takes a picture whose words were cut, for it is whole', async () => {
    const { models } = await geminiSetup({ respond: () => imageReply(SMALL_PNG, { finishReason: 'MAX_TOKENS' }) });
    expect((await models.call(requestOf('image'), STANDARD)).image?.bytes.length).toBe(SMALL_PNG.length);
  });

  it('names the model that was asked where the answer names none', async () => {
    const { modelVersion: _none, responseId: _neither, ...reply } = textReply('ok');
    const { models } = await geminiSetup({ respond: () => reply });
    const answer = await models.call(requestOf('text'), STANDARD);
    expect(answer).toMatchObject({ modelVersion: 'fake-text', responseId: '' });
  });
});

describe('usage', () => {
  const usageOf = (reply: Reply, kind: Kind = 'image') => readAnswer(reply, { kind, model: 'm' }).usage;
  const details = (image: number, text?: number) => [
    { modality: 'IMAGE', tokenCount: image },
    ...(text === undefined ? [] : [{ modality: 'TEXT', tokenCount: text }]),
  ];

  it.each([
    [
      'pictures and words apart',
      { promptTokenCount: 50, candidatesTokenCount: 1150, candidatesTokensDetails: details(1120, 30) },
      { input: 50, cached: 0, output: 30, outputImage: 1120, thoughts: 0 },
    ],
    [
      'words that the details leave out',
      { promptTokenCount: 50, candidatesTokenCount: 1150, candidatesTokensDetails: details(1120) },
      { input: 50, cached: 0, output: 30, outputImage: 1120, thoughts: 0 },
    ],
    [
      'an answer with a picture and without details as picture',
      { promptTokenCount: 50, candidatesTokenCount: 1120 },
      { input: 50, cached: 0, output: 0, outputImage: 1120, thoughts: 0 },
    ],
    [
      'thoughts beside the candidates',
      {
        promptTokenCount: 50,
        candidatesTokenCount: 1120,
        thoughtsTokenCount: 200,
        totalTokenCount: 1370,
        candidatesTokensDetails: details(1120),
      },
      { input: 50, cached: 0, output: 0, outputImage: 1120, thoughts: 200 },
    ],
    [
      'thoughts inside the candidates, where the total says so',
      {
        promptTokenCount: 50,
        candidatesTokenCount: 1350,
        thoughtsTokenCount: 200,
        totalTokenCount: 1400,
        candidatesTokensDetails: details(1120, 30),
      },
      { input: 50, cached: 0, output: 30, outputImage: 1120, thoughts: 200 },
    ],
    [
      'cached and tool tokens as input',
      {
        promptTokenCount: 50,
        toolUsePromptTokenCount: 7,
        cachedContentTokenCount: 40,
        candidatesTokenCount: 1120,
        candidatesTokensDetails: details(1120),
      },
      { input: 57, cached: 40, output: 0, outputImage: 1120, thoughts: 0 },
    ],
    [
      'counts of no sense as nothing',
      { promptTokenCount: -3, candidatesTokenCount: 'many', candidatesTokensDetails: 'none' },
      { input: 0, cached: 0, output: 0, outputImage: 0, thoughts: 0 },
    ],
  ])('counts %s', (_name, usageMetadata, usage) => {
    expect(usageOf({ ...imageReply(), usageMetadata })).toEqual(usage);
  });

  it('counts an image call answered in words as words', async () => {
    const reply = { ...textReply('no'), usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 8 } };
    const error = await failureOf((async () => usageOf(reply))());
    expect(error.paid?.usage).toEqual({ input: 5, cached: 0, output: 8, outputImage: 0, thoughts: 0 });
  });

  it('is nothing where the answer has none', () => {
    const { usageMetadata: _none, ...reply } = textReply('ok');
    expect(usageOf(reply, 'text')).toEqual({ input: 0, cached: 0, output: 0, outputImage: 0, thoughts: 0 });
  });
});
