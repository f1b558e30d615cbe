import { ApiError } from '@google/genai';
import { z } from 'zod';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Criterion, JudgeAnswer, ModelRequest, RubricAnswer } from '../../domain/model-call.ts';
import { sentence } from './gemini-errors.ts';

// Google's own clients write the members of metric specs with underscores; it is not known that the service takes others.
const spec = (metric: string) => ({ metric_spec_name: metric });

/** Any name; the service hands the group back under it. */
const RUBRIC_GROUP = 'gecko_image_rubrics';

/** Body of `generateInstanceRubrics`: the text alone, never a picture. */
export function rubricBody(request: ModelRequest): Record<string, unknown> {
  return { contents: [contentOf('user', textPart(request))], predefinedRubricGenerationSpec: spec(request.model) };
}

/** Body of `evaluateInstances` for one picture, which the service reads at `uri`. */
export function judgeBody(request: ModelRequest, picture: { uri: string; mimeType: string }): Record<string, unknown> {
  const file = { fileData: { fileUri: picture.uri, mimeType: picture.mimeType } };
  return {
    metrics: [{ predefined_metric_spec: spec(request.model) }],
    instance: {
      prompt: { contents: { contents: [contentOf('user', textPart(request))] } },
      response: { contents: { contents: [contentOf('model', file)] } },
      rubricGroups: { [RUBRIC_GROUP]: { rubrics: (request.criteria ?? []).map(rubricOf) } },
    },
  };
}

function contentOf(role: 'user' | 'model', part: Record<string, unknown>): Record<string, unknown> {
  return { role, parts: [part] };
}

function textPart({ parts }: ModelRequest): { text: string } {
  return { text: parts.flatMap((part) => ('text' in part ? part.text : [])).join('\n') };
}

function rubricOf({ id, text, type, importance }: Criterion): Record<string, unknown> {
  return { rubricId: id, content: { property: { description: text } }, type, importance };
}

const rubricSchema = z.object({
  rubricId: z.string().default(''),
  content: z.object({ property: z.object({ description: z.string().default('') }).optional() }).optional(),
  type: z.string().optional(),
  importance: z.enum(['HIGH', 'MEDIUM', 'LOW']).optional().catch(undefined),
});
type WireRubric = z.infer<typeof rubricSchema>;

/** A failure inside an answer: a google.rpc.Status, with its canonical code, or the usual body of an error with an HTTP status. */
const statusSchema = z.object({
  code: z.number().optional(),
  message: z.string().optional(),
  details: z.unknown().optional(),
});

const rubricsSchema = z.object({ generatedRubrics: z.array(rubricSchema).default([]), error: statusSchema.optional() });

const verdictSchema = z.object({
  evaluatedRubric: rubricSchema,
  // JSON of protocol buffers leaves out what is false.
  verdict: z.boolean().default(false),
  reasoning: z.string().default(''),
});
type WireVerdict = z.infer<typeof verdictSchema>;

const resultSchema = z.object({
  // Not a number where the service computed none.
  score: z.number().optional().catch(undefined),
  rubricVerdicts: z.array(verdictSchema).default([]),
  error: statusSchema.optional(),
});

const evaluationSchema = z.object({
  metricResults: z.array(resultSchema).default([]),
  error: statusSchema.optional(),
});

/**
 * The criteria in the answer of `generateInstanceRubrics`. None at all is a passing failure of the service, whose own judge
 * model was overloaded. Ids are the service's where they tell the criteria apart.
 */
export function readRubric(raw: unknown, model: string): RubricAnswer {
  const answer = parsed(rubricsSchema, raw, model);
  throwError(answer.error);
  const rubrics = answer.generatedRubrics.filter((rubric) => textOf(rubric).trim() !== '');
  if (rubrics.length === 0) throw failure(model, 'answered without a rubric', 'server_error');
  const isDistinct = new Set(rubrics.map(({ rubricId }) => rubricId).filter(Boolean)).size === rubrics.length;
  const criteria = rubrics.map((rubric, index): Criterion => {
    const { rubricId, type, importance } = rubric;
    const id = isDistinct ? rubricId : `r${index + 1}`;
    return { id, text: textOf(rubric), ...(type && { type }), ...(importance && { importance }) };
  });
  return { criteria };
}

/** The findings in the answer of `evaluateInstances`, by the criteria that were sent. Can fail although the status was 200. */
export function readJudgement(raw: unknown, { model, criteria = [] }: ModelRequest): JudgeAnswer {
  const answer = parsed(evaluationSchema, raw, model);
  const [result] = answer.metricResults;
  throwError(answer.error ?? result?.error);
  if (result === undefined || result.rubricVerdicts.length === 0) {
    throw failure(model, 'answered without a verdict', 'server_error');
  }
  const findings = criteria.flatMap((criterion) => {
    const found = result.rubricVerdicts.find((verdict) => isAbout(verdict, criterion));
    return found === undefined ? [] : [{ id: criterion.id, met: found.verdict, reasoning: found.reasoning }];
  });
  if (findings.length === 0) {
    const message = `${model} judged by other criteria than the frozen ones it was given, so that scores could not be compared; use JUDGE=rubric.`;
    throw new ProofsheetError('bad_response', message, { scope: 'batch' });
  }
  return { findings, ...(result.score !== undefined && { score: result.score }) };
}

/** By id, unless the text says otherwise; without an id by the text. */
function isAbout({ evaluatedRubric }: WireVerdict, criterion: Criterion): boolean {
  const text = textOf(evaluatedRubric).trim();
  if (text !== '' && text !== criterion.text.trim()) return false;
  return evaluatedRubric.rubricId === criterion.id || (evaluatedRubric.rubricId === '' && text !== '');
}

function textOf(rubric: WireRubric): string {
  return rubric.content?.property?.description ?? '';
}

function parsed<T>(schema: z.ZodType<T>, raw: unknown, model: string): T {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  throw failure(model, 'answered with JSON of another shape', 'bad_response');
}

function failure(model: string, what: string, code: 'bad_response' | 'server_error'): ProofsheetError {
  return new ProofsheetError(code, sentence(model, what, code), { disposition: 'transient' });
}

/** HTTP statuses of the canonical codes. NOT_FOUND is about the picture here, not about the model as it is with 404. */
const CANONICAL: readonly (readonly [http: number, status: string])[] = [
  [200, 'OK'],
  [499, 'CANCELLED'],
  [500, 'UNKNOWN'],
  [400, 'INVALID_ARGUMENT'],
  [504, 'DEADLINE_EXCEEDED'],
  [400, 'NOT_FOUND'],
  [409, 'ALREADY_EXISTS'],
  [403, 'PERMISSION_DENIED'],
  [429, 'RESOURCE_EXHAUSTED'],
  [400, 'FAILED_PRECONDITION'],
  [409, 'ABORTED'],
  [400, 'OUT_OF_RANGE'],
  [501, 'UNIMPLEMENTED'],
  [500, 'INTERNAL'],
  [503, 'UNAVAILABLE'],
  [500, 'DATA_LOSS'],
  [401, 'UNAUTHENTICATED'],
];

/** Throws a failure inside an answer as if it had been the answer. */
function throwError(error: z.infer<typeof statusSchema> | undefined): void {
  const code = error?.code ?? 0;
  if (code === 0) return;
  const [http, status] = CANONICAL[code] ?? [code >= 400 && code < 600 ? code : 500, ''];
  throw new ApiError({ status: http, message: JSON.stringify({ error: { ...error, code: http, status } }) });
}
