/** An item as the API tells of it, in the shape in which the report's data has it, for the view that both share. */
export function recordOf(item) {
  const questions = [];
  const known = new Map();
  const indexOf = ({ id, question, expected, category, importance }) => {
    const key = `${id}\n${question}`;
    if (!known.has(key)) known.set(key, questions.push({ question, expected, category, importance }) - 1);
    return known.get(key);
  };
  const { pictures } = item;
  return {
    ...{ id: item.item_id, source: item.source, metadata: Object.entries(item.metadata), calls: item.calls, questions },
    ...{ message: item.message, remedy: item.remedy, description: item.description ?? '' },
    dropped: item.questions_dropped,
    asked: item.questions.map(indexOf),
    ...{ result: resultOf(item), resultPath: '' },
    reference: pictures.reference ?? '',
    referenceThumbnail: pictures['reference-thumbnail'] ?? '',
    best: item.attempts_made.find(({ shipped }) => shipped)?.n ?? 0,
    attempts: item.attempts_made.map((attempt) => attemptOf(attempt, indexOf)),
    steps: item.journal.map(stepOf),
    ...{ journal: item.journal, doing: item.doing },
  };
}

function attemptOf(attempt, indexOf) {
  const { judge } = attempt;
  return {
    ...{ n: attempt.n, score: attempt.score, prompt: attempt.prompt, changes: attempt.prompt_changes },
    ...{ picture: attempt.picture_url ?? '', thumbnail: attempt.thumbnail_url ?? '', error: attempt.error },
    judge: judge ? `${judge.name} · ${judge.model} · ${judge.version}` : '',
    verdicts: attempt.verdicts.map((one) => [indexOf(one), one.verdict, one.answer, one.evidence]),
  };
}

function stepOf(step) {
  return {
    ...{ key: step.key, attempt: step.attempt, model: step.model, modelVersion: step.model_version },
    ...{ tokensIn: step.tokens_in, tokensOut: step.tokens_out, tries: step.tries, tookMs: step.took_ms },
    ...{ code: step.code, adopted: step.adopted, costNano: step.cost_usd === null ? null : step.cost_usd * 1e9 },
  };
}

/** A picture stands among the attempts. */
function resultOf({ result, pictures }) {
  if (result === null || pictures.result !== undefined) return null;
  return typeof result === 'string' ? { kind: 'text', text: result } : { kind: 'json', value: result };
}
