import { z } from 'zod';
import { type ErrorCode, errorCodeSchema } from './errors.ts';
import { fileRefSchema } from './model-call.ts';

/** Failures that another prompt may mend, by reason. All others (files, limits, the service) have nothing to do with the prompt. */
const GROUPS = {
  refused: [
    'prompt_blocked',
    'safety',
    'prohibited_content',
    'blocklist',
    'sensitive_data',
    'recitation',
    'unsupported_language',
    'image_safety',
    'image_prohibited_content',
    'image_recitation',
    'model_declined',
  ],
  wrong_shape: ['malformed_answer', 'truncated_answer', 'answered_in_words'],
  empty: ['empty_answer', 'no_image', 'image_other'],
  below_threshold: ['below_threshold'],
} as const satisfies Record<string, readonly ErrorCode[]>;

const groupSchema = z.enum(['refused', 'wrong_shape', 'empty', 'below_threshold']);
export type FailureGroup = z.infer<typeof groupSchema>;

/** The group of an item's reason; undefined where no prompt is to blame. */
export function failureGroupOf(code: ErrorCode | undefined): FailureGroup | undefined {
  return groupSchema.options.find((group) => (GROUPS[group] as readonly (ErrorCode | undefined)[]).includes(code));
}

export function codesOfGroup(group: FailureGroup): readonly ErrorCode[] {
  return GROUPS[group];
}

const endSchema = z.object({
  state: z.enum(['passed', 'failed', 'error']),
  score: z.number().nullable(),
  code: errorCodeSchema.optional(),
});
/** How an item ended, or would have. */
export type TrialEnd = z.infer<typeof endSchema>;

const trialSchema = z.object({
  itemId: z.string(),
  name: z.string(),
  sample: z.enum(['failing', 'held_out']),
  before: endSchema,
  after: endSchema,
  /** The prompt as it was, asked once more: what came of chance alone. */
  control: endSchema.optional(),
});
export type Trial = z.infer<typeof trialSchema>;

const versionSchema = z.object({
  /** From 1; 0 is the prompt as it was given. */
  version: z.number().int().positive(),
  group: groupSchema,
  diagnosis: z.string(),
  direction: z.enum(['more_specific', 'simpler']).optional(),
  /** Absent where nothing usable was proposed. */
  prompt: z.string().optional(),
  trials: z.array(trialSchema),
  decision: z.enum(['adopted', 'rejected', 'stopped']),
  /** Why, one sentence. */
  why: z.string(),
});
export type PromptVersion = z.infer<typeof versionSchema>;

/**
 * Where the improvement of a batch's prompt stands, between the last settled item and the report. `steps` is its journal: the
 * answers themselves are objects, named here in the same commit that counts them.
 */
export const optimizationSchema = z.object({
  fence: z.number().int(),
  leaseUntil: z.number(),
  /** Fixed at the beginning, so that whoever takes over tries on the same items. */
  plan: z
    .object({
      groups: z.array(z.object({ group: groupSchema, items: z.number().int(), failing: z.array(z.string()) })),
      heldOut: z.array(z.string()),
    })
    .optional(),
  versions: z.array(versionSchema),
  steps: z.array(z.object({ pass: z.string(), key: z.string(), entry: fileRefSchema })),
  calls: z.number().int().nonnegative(),
  costNano: z.number().int().nonnegative(),
  unpricedCalls: z.number().int().nonnegative(),
  end: z.object({ at: z.number(), why: z.string() }).optional(),
});
export type Optimization = z.infer<typeof optimizationSchema>;

/** A batch's prompt improvement before anything is done. */
export const NEW_OPTIMIZATION: Optimization = {
  ...{ fence: 0, leaseUntil: 0, versions: [], steps: [] },
  ...{ calls: 0, costNano: 0, unpricedCalls: 0 },
};

/** Share of failing items that a better prompt must bring to pass, at least. */
const LEAST_RECOVERED = 0.5;
/** How much the average score of held-out items may vary by chance. */
const SCORE_TOLERANCE = 0.05;

type Decision = Pick<PromptVersion, 'decision' | 'why'>;

/** After the failing items were tried: undefined if the held-out ones are worth trying. */
export function rejectedByFailing(trials: readonly Trial[]): Decision | undefined {
  const failing = trials.filter(({ sample }) => sample === 'failing');
  const passed = passedOf(failing, 'after');
  if (passed > 0 && passed >= failing.length * LEAST_RECOVERED) return undefined;
  return rejected(`It brought ${passed} of ${failing.length} failing items to pass, too few.`);
}

/** After the held-out items were tried: undefined if the prompt as it was is to be asked once more. */
export function rejectedByHeldOut(trials: readonly Trial[]): Decision | undefined {
  const heldOut = trials.filter(({ sample }) => sample === 'held_out');
  const lost = heldOut.length - passedOf(heldOut, 'after');
  if (lost > 0) return rejected(`${lost} of ${heldOut.length} items that had passed did not pass with it.`);
  const [before, after] = [averageOf(heldOut, 'before'), averageOf(heldOut, 'after')];
  if (before === null || after === null || after >= before - SCORE_TOLERANCE) return undefined;
  return rejected(`Items that had passed scored ${after.toFixed(2)} with it instead of ${before.toFixed(2)}.`);
}

/** At the end: better only if the prompt as it was, asked once more, does not do as well. */
export function decisionByControl(trials: readonly Trial[]): Decision {
  const failing = trials.filter(({ sample }) => sample === 'failing');
  const [after, control] = [passedOf(failing, 'after'), passedOf(failing, 'control')];
  if (control >= after) {
    return rejected(
      `The prompt as it was, asked once more, brought ${control} of these items to pass as well: chance.`,
    );
  }
  const heldOut = trials.length - failing.length;
  const rest =
    heldOut === 0 ? 'there was no passed item to hold it against' : `all ${heldOut} held-out items still pass`;
  return { decision: 'adopted', why: `It brought ${after} of ${failing.length} failing items to pass; ${rest}.` };
}

export function passedOf(trials: readonly Trial[], when: 'before' | 'after' | 'control'): number {
  return trials.filter((trial) => trial[when]?.state === 'passed').length;
}

/** Average of the scores there are; null where nothing was judged. */
export function averageOf(trials: readonly Trial[], when: 'before' | 'after'): number | null {
  const scores = trials.flatMap((trial) => trial[when].score ?? []);
  return scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function rejected(why: string): Decision {
  return { decision: 'rejected', why };
}

/** Of settled items only those that ended with one of the codes and have no version of the prompt yet; they get this one. */
export interface Revised {
  codes: readonly ErrorCode[];
  version: number;
}
