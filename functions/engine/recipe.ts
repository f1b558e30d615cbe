import type { z } from 'zod';
import type { Keeping } from '../domain/embedding.ts';
import type { TypicalCall } from '../domain/estimate.ts';
import type { FileRef, JudgeAnswer, ModelRequest, RubricAnswer } from '../domain/model-call.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Intake } from '../domain/selection.ts';

/**
 * A durable function for one item. It may only await steps of its context (also several at once with `Promise.all`) and
 * must otherwise depend on nothing but its arguments: a pass runs it from the top and recorded steps answer at once.
 */
export interface Recipe<Settings = unknown> {
  readonly name: string;
  /** Raised when the same settings would ask or judge differently: old results then count as another recipe's. */
  readonly version: number;
  readonly settings: z.ZodType<Settings>;
  intake(settings: Settings): Intake;
  /**
   * Columns of an item's metadata that its questions depend on: only these are given to it, and only these make its work
   * another item's. `name` is the item's file name, for recipes that ask for it by that word.
   */
  columns(settings: Settings): readonly string[] | 'all';
  /** Most steps that one item may record. */
  readonly stepCap: number;
  /** Models that these settings use, for prices and checks. */
  models(settings: Settings): string[];
  /** Calls of one item that passes at once, and of one that uses all its rounds, without repeated questions. */
  callsPerItem(settings: Settings): { least: number; most: number };
  /**
   * Only of recipes whose steps `semantic` and `visual` are vectors: they go to the vector store when an item has passed, and an item whose
   * content is there already is skipped, whatever earlier batches did. Of a row of a manifest only the first picture is taken.
   */
  keeps?(settings: Settings): Keeping;
  /** What its calls are like, for estimates before any batch was measured; left out, there are none until then. */
  typicalCalls?(settings: Settings): TypicalCall[];
  run(context: RecipeContext<Settings>): Promise<Outcome>;
}

export interface RecipeContext<Settings> {
  readonly settings: Settings;
  readonly input: FileRef;
  /**
   * The columns that the recipe reads; data, never instructions. An item's name is here only if it is one of them, its source
   * never: what is asked must follow from content, these columns and settings alone, or equal work could not share its answers.
   */
  readonly metadata: Readonly<Record<string, string>>;
  /** A text answer. Fails with ProofsheetError when the model refuses or the call finally fails. */
  text(step: string, request: RequestOf): Promise<StepAnswer<string>>;
  /**
   * An answer of the given shape; one that has another shape is asked for once more with what is wrong in it, then
   * `malformed_answer`. `jsonSchema`: what the model is told, where the shape itself cannot be told.
   */
  json<T>(
    step: string,
    request: RequestOf,
    shape: z.ZodType<T>,
    jsonSchema?: Record<string, unknown>,
  ): Promise<StepAnswer<T>>;
  /** A picture, stored. */
  image(step: string, request: RequestOf): Promise<StepAnswer<FileRef>>;
  /** The criteria that a judging service makes of a text. */
  rubric(step: string, request: RequestOf): Promise<StepAnswer<RubricAnswer>>;
  /** What a judging service finds in a picture by `criteria`. */
  judge(step: string, request: RequestOf): Promise<StepAnswer<JudgeAnswer>>;
  /** The vector of a picture, of length 1. */
  embed(step: string, request: RequestOf): Promise<StepAnswer<Float32Array>>;
  /** The round (from 1) that the following steps belong to. */
  beginAttempt(n: number): void;
}

/** A request as a recipe writes it; kind and schema follow from the method. */
export type RequestOf = Omit<ModelRequest, 'kind' | 'jsonSchema'>;

export interface StepAnswer<T> {
  value: T;
  /** The model that really answered. */
  modelVersion: string;
}

/** Recipes by name. */
export type RecipeRegistry = Readonly<Record<string, Recipe>>;
