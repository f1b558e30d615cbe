import type { Content, EmbedContentParameters, Part } from '@google/genai';
import { z } from 'zod';
import { normalized, vectorText } from '../../domain/embedding.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { ModelAnswer, ModelRequest } from '../../domain/model-call.ts';
import { sentence } from './gemini-errors.ts';
import type { OpenFile } from './gemini-request.ts';
import { filePart } from './gemini-request.ts';

/** What the encoder takes. Source: Embeddings guide of the Gemini API. */
const TAKEN = ['image/jpeg', 'image/png'];

const responseSchema = z.object({
  embeddings: z.array(z.object({ values: z.array(z.number()).min(1) })).length(1),
  usageMetadata: z
    .object({
      promptTokenCount: z.number().int().nonnegative(),
      promptTokensDetails: z
        .array(z.object({ modality: z.string().optional(), tokenCount: z.number().int().nonnegative().catch(0) }))
        .catch([])
        .default([]),
    })
    .optional()
    .catch(undefined),
});

/**
 * A picture or a text as the encoder gets it, a content of its own: several parts of one content would become one vector. What a
 * search is for is told in the text, since the model knows no task types.
 */
export async function toEmbedRequest(request: ModelRequest, open: OpenFile): Promise<EmbedContentParameters> {
  const parts: Part[] = [];
  for (const part of request.parts) {
    if ('text' in part) parts.push({ text: `task: search result | query: ${part.text}` });
    else if (TAKEN.includes(part.file.mimeType)) parts.push(filePart(part.file, await open(part.file)));
    else throw notTaken(request, part.file.mimeType);
  }
  const contents: Content[] = [{ parts }];
  const { model, dimensions } = request;
  return { model, contents, config: { ...(dimensions !== undefined && { outputDimensionality: dimensions }) } };
}

/** The vector at length 1; shortened ones do not come so. Calls whose tokens are not told have an unknown price, not none. */
export function readEmbedding(raw: unknown, { model, dimensions }: ModelRequest): ModelAnswer {
  const parsed = responseSchema.safeParse(raw);
  const values = parsed.data?.embeddings[0]?.values;
  if (values === undefined || (dimensions !== undefined && values.length !== dimensions)) {
    const what =
      values === undefined ? 'no single vector' : `a vector of ${values.length} instead of ${dimensions} dimensions`;
    const message = sentence(model, `answered with ${what}`, 'bad_response');
    throw new ProofsheetError('bad_response', message, { disposition: 'transient' });
  }
  const told = parsed.data?.usageMetadata;
  const pictures = told?.promptTokensDetails.filter(({ modality }) => modality === 'IMAGE') ?? [];
  const inputImage = pictures.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
  const usage = { input: told?.promptTokenCount ?? 0, cached: 0, output: 0, outputImage: 0, thoughts: 0 };
  return {
    text: vectorText(normalized(Float32Array.from(values))),
    usage: { ...usage, ...(inputImage > 0 && { inputImage }), ...(told === undefined && { untold: true as const }) },
    modelVersion: model,
    responseId: '',
  };
}

function notTaken({ model }: ModelRequest, mimeType: string): ProofsheetError {
  const message = sentence(
    model,
    `takes JPEG and PNG, not ${mimeType}; save the picture as one of them`,
    'invalid_request',
  );
  return new ProofsheetError('invalid_request', message);
}
