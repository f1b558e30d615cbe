import { z } from 'zod';
import { type ErrorCode, ProofsheetError } from '../../domain/errors.ts';
import type { ModelAnswer, ModelRequest, Usage } from '../../domain/model-call.ts';
import { quoted, sentence } from './gemini-errors.ts';

const countSchema = z.number().int().nonnegative().catch(0);

const partSchema = z.object({
  text: z.string().optional(),
  thought: z.boolean().optional(),
  inlineData: z.object({ mimeType: z.string().optional(), data: z.string().optional() }).optional(),
});
type AnswerPart = z.infer<typeof partSchema>;

const modalitiesSchema = z
  .array(z.object({ modality: z.string().optional(), tokenCount: countSchema }))
  .optional()
  .catch(undefined);

const usageMetadataSchema = z.object({
  promptTokenCount: countSchema,
  toolUsePromptTokenCount: countSchema,
  cachedContentTokenCount: countSchema,
  candidatesTokenCount: countSchema,
  thoughtsTokenCount: countSchema,
  totalTokenCount: countSchema,
  promptTokensDetails: modalitiesSchema,
  candidatesTokensDetails: modalitiesSchema,
});

/**
 * The parts of a GenerateContentResponse that are read here; the same shape comes from the API and from batch results.
 * `finishMessage` arrives from Vertex AI only: the SDK drops it from answers of the Gemini API.
 */
const responseSchema = z.object({
  candidates: z
    .array(
      z.object({
        content: z.object({ parts: z.array(partSchema).optional() }).optional(),
        finishReason: z.string().optional(),
        finishMessage: z.string().optional(),
      }),
    )
    .optional(),
  promptFeedback: z
    .object({ blockReason: z.string().optional(), blockReasonMessage: z.string().optional() })
    .optional(),
  usageMetadata: usageMetadataSchema.optional(),
  modelVersion: z.string().optional(),
  responseId: z.string().optional(),
});
type Response = z.infer<typeof responseSchema>;

/** Finish reasons with a code of their own. Source: `FinishReason` of @google/genai. */
const DECLINES: Readonly<Record<string, ErrorCode>> = {
  MAX_TOKENS: 'truncated_answer',
  CONTINUATION: 'truncated_answer',
  SAFETY: 'safety',
  RECITATION: 'recitation',
  LANGUAGE: 'unsupported_language',
  BLOCKLIST: 'blocklist',
  PROHIBITED_CONTENT: 'prohibited_content',
  SPII: 'sensitive_data',
  MALFORMED_FUNCTION_CALL: 'malformed_answer',
  MALFORMED_RESPONSE: 'malformed_answer',
  IMAGE_SAFETY: 'image_safety',
  IMAGE_PROHIBITED_CONTENT: 'image_prohibited_content',
  IMAGE_RECITATION: 'image_recitation',
  NO_IMAGE: 'no_image',
  IMAGE_OTHER: 'image_other',
};

/**
 * A useful answer out of a GenerateContentResponse. Anything else that the service billed is an error with `paid` set;
 * a body that is no such response is the transient error `bad_response`.
 */
export function readAnswer(raw: unknown, request: Pick<ModelRequest, 'kind' | 'model'>): ModelAnswer {
  const parsed = responseSchema.safeParse(raw);
  if (!parsed.success || !isResponse(parsed.data)) {
    const message = sentence(request.model, 'answered with JSON of another shape', 'bad_response');
    throw new ProofsheetError('bad_response', message, { disposition: 'transient' });
  }
  const response = parsed.data;
  const allParts = response.candidates?.[0]?.content?.parts ?? [];
  // Thinking models send drafts, of text and of pictures; they are not the answer.
  const parts = allParts.filter((part) => part.thought !== true);
  const image = request.kind === 'image' ? firstImage(parts) : undefined;
  const text = parts.map((part) => part.text ?? '').join('');
  const paid = {
    usage: usageOf(response, allParts.some(holdsImage)),
    modelVersion: response.modelVersion || request.model,
    responseId: response.responseId ?? '',
  };
  const refusal = refusalOf(response, { kind: request.kind, text, hasImage: image !== undefined });
  if (refusal !== undefined) {
    throw new ProofsheetError(refusal.code, sentence(request.model, refusal.what, refusal.code), { paid });
  }
  return image === undefined ? { ...paid, text } : { ...paid, image };
}

/** An object with none of the three members that every response has some of is somebody else's. */
function isResponse(response: Response): boolean {
  return (
    response.candidates !== undefined || response.promptFeedback !== undefined || response.usageMetadata !== undefined
  );
}

function refusalOf(
  response: Response,
  answer: { kind: ModelRequest['kind']; text: string; hasImage: boolean },
): { code: ErrorCode; what: string } | undefined {
  const candidate = response.candidates?.[0];
  const { blockReason, blockReasonMessage } = response.promptFeedback ?? {};
  const hasText = answer.text.trim() !== '';
  if (blockReason !== undefined && !hasText && !answer.hasImage) {
    return { code: 'prompt_blocked', what: `blocked the prompt, reason ${blockReason}${quoted(blockReasonMessage)}` };
  }
  if (candidate === undefined) return { code: 'empty_answer', what: 'sent no candidate' };

  const reason = candidate.finishReason ?? 'STOP';
  if (reason !== 'STOP' && reason !== 'FINISH_REASON_UNSPECIFIED') {
    const code = DECLINES[reason] ?? 'model_declined';
    // A picture is one part and so never half of one; only the words after it were cut.
    if (code === 'truncated_answer' && answer.hasImage) return undefined;
    return { code, what: `stopped with ${reason}${quoted(candidate.finishMessage)}` };
  }
  if (answer.kind !== 'image') return hasText ? undefined : { code: 'empty_answer', what: 'sent no text' };
  if (answer.hasImage) return undefined;
  if (hasText) return { code: 'answered_in_words', what: `answered in words${quoted(answer.text)}` };
  return { code: 'no_image', what: 'sent neither picture nor text' };
}

function holdsImage(part: AnswerPart): boolean {
  return part.inlineData?.mimeType?.startsWith('image/') === true && Boolean(part.inlineData.data);
}

function firstImage(parts: readonly AnswerPart[]): ModelAnswer['image'] {
  const data = parts.find(holdsImage)?.inlineData;
  if (data?.data === undefined || data.mimeType === undefined) return undefined;
  return { bytes: Buffer.from(data.data, 'base64'), mimeType: data.mimeType };
}

/**
 * `candidatesTokenCount` counts text and picture together; the details tell them apart. Thoughts are counted beside it,
 * except where the total shows that they are inside.
 */
function usageOf(response: Response, hasImage: boolean): Usage {
  const counts = response.usageMetadata;
  if (counts === undefined) return { input: 0, cached: 0, output: 0, outputImage: 0, thoughts: 0 };
  const input = counts.promptTokenCount + counts.toolUsePromptTokenCount;
  const thoughts = counts.thoughtsTokenCount;
  const thoughtsInside = thoughts > 0 && counts.totalTokenCount === input + counts.candidatesTokenCount;
  const candidates = Math.max(0, counts.candidatesTokenCount - (thoughtsInside ? thoughts : 0));
  const outputImage = imageTokensOf(counts, candidates, hasImage);
  return {
    input,
    cached: Math.min(input, counts.cachedContentTokenCount),
    ...(counts.promptTokensDetails && { inputImage: Math.min(input, pictureTokens(counts.promptTokensDetails)) }),
    output: Math.max(0, candidates - outputImage),
    outputImage,
    thoughts,
  };
}

function imageTokensOf(counts: z.infer<typeof usageMetadataSchema>, candidates: number, hasImage: boolean): number {
  const details = counts.candidatesTokensDetails ?? [];
  if (details.length === 0) return hasImage ? candidates : 0;
  return pictureTokens(details);
}

function pictureTokens(details: NonNullable<z.infer<typeof modalitiesSchema>>): number {
  return details.filter((detail) => detail.modality === 'IMAGE').reduce((sum, detail) => sum + detail.tokenCount, 0);
}
