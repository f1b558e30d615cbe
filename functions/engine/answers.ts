import { z } from 'zod';
import { vectorFromText } from '../domain/embedding.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { StepOutcome } from '../domain/journal.ts';
import type { FileRef, ModelRequest, PaidAnswer } from '../domain/model-call.ts';
import type { RequestOf } from './recipe.ts';

/** Fails with `empty_answer`. */
export function textOf(outcome: StepOutcome & { ok: true }): string {
  if (outcome.text === undefined || outcome.text.trim() === '') {
    throw new ProofsheetError('empty_answer', 'The model returned no text.');
  }
  return outcome.text;
}

/** Fails with `no_image`. */
export function fileOf(outcome: StepOutcome & { ok: true }): FileRef {
  if (outcome.file === undefined) throw new ProofsheetError('no_image', 'The model returned no picture.');
  return outcome.file;
}

/** The whole answer as JSON of the shape, or `malformed_answer` with what is wrong. */
export function jsonOf<T>(outcome: StepOutcome & { ok: true }, shape: z.ZodType<T>): T {
  const text = textOf(outcome);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProofsheetError('malformed_answer', 'The model returned text that is no JSON.');
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ProofsheetError(
    'malformed_answer',
    `The answer has the wrong shape: ${z.prettifyError(parsed.error).slice(0, 500)}`,
  );
}

/** Fails with `malformed_answer` for what is no vector. */
export function vectorOf(outcome: StepOutcome & { ok: true }): Float32Array {
  const vector = vectorFromText(textOf(outcome));
  if (vector.length > 0 && vector.every(Number.isFinite)) return vector;
  throw new ProofsheetError('malformed_answer', 'The encoder returned numbers that are no vector.');
}

function schemaOf(shape: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...jsonSchema } = z.toJSONSchema(shape);
  return jsonSchema;
}

/** The schema is that of the shape unless another is given; one that allows everything is not worth telling. */
export function jsonRequest(request: RequestOf, shape: z.ZodType, jsonSchema = schemaOf(shape)): ModelRequest {
  return { ...request, kind: 'json', ...(Object.keys(jsonSchema).length > 0 && { jsonSchema }) };
}

const MAX_OUTPUT_TOKENS = 65_536;
const ONE_PICTURE = 'Return exactly one picture. Do not answer in words and ask nothing back.';
const ONE_ANSWER = 'Give the complete answer, in exactly the form that is asked for and nothing else.';

/** The same question with a remark on what went wrong; the useless answer itself is never sent back. */
export function askingAgain(request: ModelRequest, { code, message }: ProofsheetError, paid: PaidAnswer): ModelRequest {
  if (code === 'truncated_answer') {
    const used = request.maxOutputTokens ?? paid.usage.output + paid.usage.thoughts;
    return { ...request, maxOutputTokens: Math.min(MAX_OUTPUT_TOKENS, Math.max(4096, used * 2)) };
  }
  // What a judging service or an encoder is told is data; a remark would be judged as well.
  if (request.kind === 'rubric' || request.kind === 'judge' || request.kind === 'embed') return request;
  const remark = request.kind === 'image' ? ONE_PICTURE : ONE_ANSWER;
  const fault = code === 'malformed_answer' ? `Your last answer could not be used. ${message}\n` : '';
  return { ...request, parts: [...request.parts, { text: `${fault}${remark}` }] };
}
