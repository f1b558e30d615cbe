import { isTerminal } from '../domain/batch.ts';
import { remedyFor } from '../domain/errors.ts';
import type { Attempt, ItemDetail, Question } from '../domain/outcome.ts';
import { type ReportItem, reasonOf } from './item-row.ts';
import { attemptPath, linkTo, referencePath, resultPath, shippedAttempt, thumbnailPath } from './output-paths.ts';
import { reasonCodeOf } from './tally.ts';

/** Rows per index script and items per detail script. */
export const ROWS_PER_FILE = 1000;
export const DETAILS_PER_FILE = 50;

/** Characters of a result in the list. */
const LONGEST_RESULT = 200;

/**
 * An item in the list, as an array because a big batch has many: id, name, state, score, attempts, cost in dollars (null:
 * price unknown), seconds, reason code, reason, SHA-256 of the reference's and of the best candidate's thumbnail, the beginning
 * of a result in words, when it ended in milliseconds since 1970.
 */
export function indexRow({ item, detail }: ReportItem) {
  const { summary } = item;
  const best = shippedAttempt(detail?.outcome);
  return [
    item.id,
    item.name,
    item.state,
    round(summary?.score ?? null, 4),
    summary?.attempts ?? 0,
    summary !== undefined && summary.unpricedCalls > 0 ? null : round((summary?.costNano ?? 0) / 1e9, 6),
    round(summary?.seconds ?? 0, 1),
    reasonCodeOf(item),
    reasonOf(item),
    detail?.referenceThumbnail?.sha256 ?? '',
    (best && detail?.candidateThumbnails[best.n]?.sha256) ?? '',
    (summary?.result ?? '').slice(0, LONGEST_RESULT),
    isTerminal(item.state) ? (item.settledAt ?? null) : null,
  ];
}

/** An item when it is opened. Questions stand once, the verdicts of all attempts refer to them by position. */
export function detailRecord({ item, detail }: ReportItem) {
  const questions = questionList();
  const outcome = detail?.outcome;
  const result = outcome?.result;
  const path = isTerminal(item.state) ? resultPath(item.name, item.state, outcome) : undefined;
  return {
    id: item.id,
    source: item.source,
    metadata: Object.entries(item.metadata),
    message: item.summary?.message ?? '',
    remedy: item.state !== 'passed' && item.summary?.code ? remedyFor(item.summary.code) : '',
    calls: item.summary?.calls ?? 0,
    description: outcome?.description ?? '',
    dropped: outcome?.rubric?.dropped ?? 0,
    asked: outcome?.rubric?.questions.map((question) => questions.indexOf(question)) ?? [],
    result: result != null && result.kind !== 'image' ? result : null,
    resultPath: path === undefined ? '' : linkTo(path),
    reference: detail?.reference?.mimeType.startsWith('image/') ? linkTo(referencePath(detail.reference)) : '',
    referenceThumbnail: detail?.referenceThumbnail ? linkTo(thumbnailPath(detail.referenceThumbnail.sha256)) : '',
    best: outcome?.best ?? 0,
    attempts: outcome?.attempts.map((attempt) => attemptRecord(attempt, item.name, detail, questions)) ?? [],
    questions: questions.all,
    steps: detail?.steps ?? [],
  };
}

function attemptRecord(attempt: Attempt, name: string, detail: ItemDetail | undefined, questions: QuestionList) {
  const thumbnail = detail?.candidateThumbnails[attempt.n];
  return {
    n: attempt.n,
    score: attempt.score,
    prompt: attempt.prompt,
    changes: attempt.promptChanges,
    picture: attempt.candidate ? linkTo(attemptPath(name, attempt, attempt.candidate)) : '',
    thumbnail: thumbnail ? linkTo(thumbnailPath(thumbnail.sha256)) : '',
    error: attempt.error ?? null,
    judge: attempt.judge ? `${attempt.judge.name} · ${attempt.judge.model} · ${attempt.judge.version}` : '',
    verdicts: attempt.verdicts.map((verdict) => [
      questions.indexOf(verdict),
      verdict.verdict,
      verdict.answer,
      verdict.evidence,
    ]),
  };
}

interface QuestionList {
  all: Omit<Question, 'id' | 'choices'>[];
  indexOf(question: Question): number;
}

/** Distinct questions in the order they were met. */
function questionList(): QuestionList {
  const all: QuestionList['all'] = [];
  const positions = new Map<string, number>();
  return {
    all,
    indexOf({ id, question, expected, category, importance }) {
      const key = `${id}\n${question}`;
      const known = positions.get(key);
      if (known !== undefined) return known;
      positions.set(key, all.length);
      return all.push({ question, expected, category, importance }) - 1;
    },
  };
}

function round(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
