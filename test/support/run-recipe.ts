import { z } from 'zod';
import { vectorFromText } from '../../functions/domain/embedding.ts';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import {
  type FileRef,
  judgeAnswerSchema,
  type ModelAnswer,
  type ModelRequest,
  rubricAnswerSchema,
} from '../../functions/domain/model-call.ts';
import type { Outcome } from '../../functions/domain/outcome.ts';
import type { Recipe, RecipeContext, StepAnswer } from '../../functions/engine/recipe.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import type { Models } from '../../functions/platform/ports.ts';

/** Stored objects by their SHA-256. */
export type Objects = Map<string, Uint8Array>;

export interface RecordedStep {
  step: string;
  attempt: number;
  request: ModelRequest;
}

/** Puts bytes among the objects, as the intake would. */
export function stored(objects: Objects, bytes: Uint8Array, mimeType: string): FileRef {
  const digest = sha256(bytes);
  objects.set(digest, bytes);
  return { sha256: digest, mimeType, bytes: bytes.length };
}

/** Opens objects of a map, as `Files.open` does. */
export function opener(objects: Objects): (file: FileRef) => Promise<Uint8Array> {
  return (file) => {
    const bytes = objects.get(file.sha256);
    return bytes === undefined ? Promise.reject(new Error(`no object ${file.sha256}`)) : Promise.resolve(bytes);
  };
}

/** Runs a recipe once in memory: no journal, no retries but one for an answer of the wrong shape. Gives the steps even when it fails. */
export async function runRecipe<Settings>(
  recipe: Recipe<Settings>,
  given: {
    models: Pick<Models, 'call'>;
    objects: Objects;
    input: FileRef;
    settings?: Record<string, unknown>;
    metadata?: RecipeContext<Settings>['metadata'];
  },
): Promise<{ outcome?: Outcome; error?: unknown; steps: RecordedStep[] }> {
  const steps: RecordedStep[] = [];
  let attempt = 0;
  const call = async (step: string, request: ModelRequest): Promise<ModelAnswer> => {
    steps.push({ step, attempt, request });
    return given.models.call(request, { timeoutMs: 60_000, lane: 'standard' });
  };
  const context: RecipeContext<Settings> = {
    settings: recipe.settings.parse(given.settings ?? {}),
    input: given.input,
    metadata: given.metadata ?? {},
    async text(step, request) {
      const answer = await call(step, { ...request, kind: 'text' });
      return { value: answer.text ?? '', modelVersion: answer.modelVersion };
    },
    json(step, request, shape, jsonSchema) {
      const { $schema: _, ...told } = jsonSchema ?? z.toJSONSchema(shape);
      const schema = Object.keys(told).length > 0 ? { jsonSchema: told } : {};
      return jsonStep(call, step, { ...request, kind: 'json', ...schema }, shape);
    },
    rubric: (step, request) => jsonStep(call, step, { ...request, kind: 'rubric' }, rubricAnswerSchema),
    judge: (step, request) => jsonStep(call, step, { ...request, kind: 'judge' }, judgeAnswerSchema),
    async embed(step, request) {
      const answer = await call(step, { ...request, kind: 'embed' });
      return { value: vectorFromText(answer.text ?? ''), modelVersion: answer.modelVersion };
    },
    async image(step, request) {
      const answer = await call(step, { ...request, kind: 'image' });
      if (answer.image === undefined) throw new ProofsheetError('no_image', 'no picture');
      const value = stored(given.objects, answer.image.bytes, answer.image.mimeType);
      return { value, modelVersion: answer.modelVersion };
    },
    beginAttempt(n) {
      attempt = n;
    },
  };
  try {
    return { outcome: await recipe.run(context), steps };
  } catch (error) {
    return { error, steps };
  }
}

async function jsonStep<T>(
  call: (step: string, request: ModelRequest) => Promise<ModelAnswer>,
  step: string,
  request: ModelRequest,
  shape: z.ZodType<T>,
): Promise<StepAnswer<T>> {
  for (const key of [step, `${step}~1`]) {
    const answer = await call(key, request);
    const parsed = shape.safeParse(jsonOrUndefined(answer.text ?? ''));
    if (parsed.success) return { value: parsed.data, modelVersion: answer.modelVersion };
  }
  throw new ProofsheetError('malformed_answer', `The answer of ${step} has another shape.`);
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
