import type { Measured } from './simulated-vision.ts';

/**
 * One kind of thing that the simulated models can state, ask and look up. Each has one pattern for its sentence and one
 * for its question, so that every task works from the words and pixels it was given and from nothing else.
 */
export interface Fact {
  category: string;
  importance: 'high' | 'medium' | 'low';
  /** A sentence of the description; undefined when there is nothing worth saying. */
  say(measured: Measured): string | undefined;
  sentence: RegExp;
  /** The question that a sentence gives rise to. `settled` is false when the sentence leaves the answer open. */
  ask(found: RegExpExecArray): Asked | undefined;
  question: RegExp;
  /** The answer of somebody who sees this picture only, with the numbers it rests on. */
  look(measured: Measured, question: RegExpExecArray, choices: readonly string[]): Looked;
}

export interface Asked {
  question: string;
  choices: readonly string[];
  answer: string;
  settled: boolean;
}

/** `choice` is undefined when the measure is too close to call. */
export interface Looked {
  choice: string | undefined;
  evidence: string;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function yesNo(value: number, limits: { noBelow: number; yesFrom: number }): 'yes' | 'no' | undefined {
  if (value < limits.noBelow) return 'no';
  return value >= limits.yesFrom ? 'yes' : undefined;
}

/** The offered number nearest to a measured ratio; undefined when two are about as near. */
export function nearestRatio(value: number, choices: readonly string[]): string | undefined {
  const ranked = choices
    .map((choice) => ({ choice, far: Math.abs(Math.log(value / Number.parseFloat(choice.replace(/^\D+/, '')))) }))
    .sort((a, b) => a.far - b.far);
  const [first, second] = ranked;
  if (first === undefined || second === undefined) return undefined;
  return second.far - first.far < 0.04 ? undefined : first.choice;
}
