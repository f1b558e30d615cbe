import { imageReply, jsonReply, type Reply, textReply } from './gemini-replies.ts';
import type { Call } from './gemini-server.ts';
import { solidPng, textOfPng, withText } from './png.ts';

/** Right answers, by the number in a question's text; every question names its number. */
const RIGHT = ['red', 'left', 'no', 'two', 'matt', 'round'];
const WRONG = ['blue', 'right', 'yes', 'three', 'glossy', 'square'];
const NAME = /item<([^>]*)>/;

/**
 * Answers the calls of the fidelity recipe by what stands in them, so that the same request always gets the same answer,
 * also from another server. An item passes at round 1; with `second` in its name at round 2, with `never` not at all.
 */
export function respondToFidelity(call: Call): Reply {
  const name = itemOf(call);
  switch (stepOf(call)) {
    case 'describe':
      return textReply(`A product, ${photoText(name)}. It is red, matt and round.`);
    case 'questions':
      return jsonReply(questionnaire());
    case 'entailment':
      return jsonReply({ results: listedIn(call).map(({ id }) => ({ id, entailed: true })) });
    case 'generate':
      return imageReply(candidate(name, roundOf(call)));
    case 'judge':
      return jsonReply({ answers: listedIn(call).map((question) => judged(question, name, roundOf(call))) });
  }
}

/** A judge's answer that finds everything right. */
export function allRight(call: Call): Reply {
  const answers = listedIn(call).map(({ id, question }) => ({
    id,
    evidence: 'seen',
    choice: RIGHT[partOf(question) - 1],
  }));
  return jsonReply({ answers });
}

/** Calls that an item needs when every answer is of use. */
export function callsFor(name: string): number {
  return name.includes('never') ? 9 : name.includes('second') ? 7 : 5;
}

/** State and score an item ends with at a threshold of 0.7 and three rounds. */
export function endOf(name: string): { status: 'passed' | 'failed'; score: number } {
  return name.includes('never') ? { status: 'failed', score: 4 / 6 } : { status: 'passed', score: 1 };
}

export function stepOf(call: Call): 'describe' | 'questions' | 'entailment' | 'generate' | 'judge' {
  if (call.kind === 'text') return 'describe';
  if (call.kind === 'image') return 'generate';
  const schema = call.body.generationConfig?.responseJsonSchema as { properties?: Record<string, unknown> } | undefined;
  const asked = Object.keys(schema?.properties ?? {});
  if (asked.includes('keywords')) return 'questions';
  return asked.includes('results') ? 'entailment' : 'judge';
}

/** Name under which the photo was written that a call is about, from the photo or what came of it. */
export function itemOf(call: Call): string {
  const step = stepOf(call);
  const text = step === 'describe' || step === 'judge' ? textIn(call) : call.prompt;
  return decodeURIComponent(NAME.exec(text)?.[1] ?? 'unknown');
}

/** A text by which the photo of an item is known again. */
export function photoText(name: string): string {
  return `item<${encodeURIComponent(name)}>`;
}

function textIn(call: Call): string {
  return textOfPng(call.images[0]?.data ?? Buffer.alloc(0)) ?? '';
}

/** The round of a generate or judge call: each failed round adds two corrections to the prompt. */
function roundOf(call: Call): number {
  if (stepOf(call) === 'judge') return Number(/round (\d)/.exec(textIn(call))?.[1]);
  return 1 + (call.prompt.match(/^- .* must be "/gm)?.length ?? 0) / 2;
}

function candidate(name: string, round: number): Buffer {
  const shade = [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 256, round);
  return withText(solidPng(16, 16, [shade, 60 * round, 90]), `${photoText(name)} round ${round}`);
}

function questionnaire() {
  const keywords = RIGHT.map((text, index) => ({ id: `k${index + 1}`, text, category: 'part' }));
  const questions = RIGHT.map((answer, index) => ({
    id: `q${index + 1}`,
    keywordId: `k${index + 1}`,
    question: `What about part ${index + 1}?`,
    choices: [answer, WRONG[index]],
    answer,
    importance: 'high',
  }));
  return { keywords, questions };
}

/** Odd rounds fail at parts 1 and 2, even ones at 3 and 4, so that no round repeats the mistakes of the one before. */
function judged({ id, question }: Listed, name: string, round: number) {
  const part = partOf(question);
  const passes = !name.includes('never') && round >= (name.includes('second') ? 2 : 1);
  const failing = round % 2 === 1 ? [1, 2] : [3, 4];
  const choices = passes || !failing.includes(part) ? RIGHT : WRONG;
  return { id, evidence: 'seen', choice: choices[part - 1] };
}

function partOf(question: string): number {
  return Number(/part (\d)/.exec(question)?.[1]);
}

interface Listed {
  id: string;
  question: string;
}

function listedIn(call: Call): Listed[] {
  return JSON.parse(call.prompt.slice(call.prompt.lastIndexOf('as JSON:\n') + 9).split('\n')[0] ?? '');
}
