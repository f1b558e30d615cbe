import { colourFacts } from './simulated-colour-facts.ts';
import type { Fact } from './simulated-fact.ts';
import { shapeFacts } from './simulated-shape-facts.ts';
import type { Measured } from './simulated-vision.ts';

const FACTS: readonly Fact[] = [...shapeFacts, ...colourFacts];

/** Below this share of the picture nothing is taken for a product. */
const LEAST_AREA = 0.004;

interface KeywordsAndQuestions {
  keywords: { id: string; text: string; category: string }[];
  questions: {
    id: string;
    keywordId: string;
    question: string;
    choices: string[];
    answer: string;
    importance: string;
  }[];
}

/** What was measured, in plain sentences. */
export function describeMeasured(measured: Measured): string {
  if (measured.area < LEAST_AREA) return 'Simulated description: no product stands out from the background.';
  const sentences = FACTS.flatMap((fact) => fact.say(measured) ?? []);
  return ['Simulated description, measured from the pixels.', ...sentences].join(' ');
}

/** One keyword and question per sentence of a description that the facts know. `only`: keywords to keep to, with their ids. */
export function questionsFrom(
  description: string,
  only?: readonly { id: string; text: string }[],
): KeywordsAndQuestions {
  const made: KeywordsAndQuestions = { keywords: [], questions: [] };
  for (const fact of FACTS) {
    const found = fact.sentence.exec(description);
    const asked = found === null ? undefined : fact.ask(found);
    if (found === null || asked === undefined) continue;
    const text = sentenceAround(description, found);
    const wanted = only?.find((keyword) => keyword.text === text);
    if (only !== undefined && wanted === undefined) continue;
    const number = made.keywords.length + 1;
    const keywordId = wanted?.id ?? `k${number}`;
    const { question, answer } = asked;
    made.keywords.push({ id: keywordId, text, category: fact.category });
    made.questions.push({
      id: `q${number}`,
      keywordId,
      question,
      choices: [...asked.choices],
      answer,
      importance: fact.importance,
    });
  }
  return made;
}

/** Whether a description settles an answer: its own sentence must lead to the same question with the same answer. */
export function isEntailed(description: string, asked: { question: string; answer: string }): boolean {
  return FACTS.some((fact) => {
    if (!fact.question.test(asked.question)) return false;
    const found = fact.sentence.exec(description);
    const own = found === null ? undefined : fact.ask(found);
    return own?.settled === true && own.question === asked.question && own.answer === asked.answer;
  });
}

/** Answers a question by measuring; `cannot_tell` when the measure is too close to call or the question is not known. */
export function answerFrom(
  measured: Measured,
  asked: { id: string; question: string; choices: readonly string[] },
): { id: string; evidence: string; choice: string } {
  if (measured.area < LEAST_AREA) {
    return { id: asked.id, evidence: 'no product stands out from the background.', choice: 'cannot_tell' };
  }
  for (const fact of FACTS) {
    const found = fact.question.exec(asked.question);
    if (found === null) continue;
    const { choice, evidence } = fact.look(measured, found, asked.choices);
    const offered = choice !== undefined && asked.choices.includes(choice);
    return { id: asked.id, evidence, choice: offered ? choice : 'cannot_tell' };
  }
  return { id: asked.id, evidence: 'the simulated judge has no measure for this question.', choice: 'cannot_tell' };
}

function sentenceAround(description: string, found: RegExpExecArray): string {
  const start = description.lastIndexOf('. ', found.index) + 1;
  const end = description.indexOf('. ', found.index);
  return description.slice(start, end < 0 ? undefined : end + 1).trim();
}
