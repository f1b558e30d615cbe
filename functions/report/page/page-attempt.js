/** One attempt of an item: its picture, the verdicts (failing first) and the prompt with what was new in it. */
{
  const { element, icon, picture, score, words } = globalThis.proofsheet;
  const CROSS = 'm4 4 8 8M12 4l-8 8';
  const MARKS = {
    fail: CROSS,
    undecided: 'M6 6a2 2 0 1 1 2.6 1.9c-.4.2-.6.5-.6 1V10M8 12.5v.1',
    pass: 'm3.5 8.5 3 3 6-7',
  };
  const VERDICTS = { fail: 'failed', undecided: 'undecided', pass: 'passed' };
  const WEIGHTS = { high: 0, medium: 1, low: 2 };

  function attemptFigure(row, detail, attempt) {
    const shipped = attempt.n === detail.best;
    return element(
      'figure',
      { class: shipped ? 'attempt shipped' : 'attempt' },
      element(
        'figcaption',
        {},
        element('b', {}, `Attempt ${attempt.n}`),
        shipped ? element('span', { class: 'tag' }, row.state === 'passed' ? 'shipped' : 'best') : '',
        element('span', { class: 'attempt-score' }, score(attempt.score)),
      ),
      frame(attempt.picture, attempt.thumbnail, `Attempt ${attempt.n} for ${row.name}`),
      attempt.error
        ? element('p', { class: 'notice' }, element('code', {}, words(attempt.error.code)), ' ', attempt.error.message)
        : '',
      verdictsOf(detail, attempt),
      promptOf(attempt),
      attempt.judge === '' ? '' : element('p', { class: 'quiet small' }, `Judged by ${attempt.judge}`),
    );
  }

  /** A picture that opens in full; its thumbnail stands behind it until it has come. */
  function frame(source, small, description) {
    if (source === '') return element('span', { class: 'frame' }, picture('', ''));
    const image = picture(source, description);
    if (small !== '') image.style.backgroundImage = `url("${small}")`;
    return element('a', { class: 'frame', href: source, target: '_blank', rel: 'noopener' }, image);
  }

  function verdictsOf(detail, attempt) {
    if (attempt.verdicts.length === 0) return '';
    const verdicts = attempt.verdicts
      .map(([question, verdict, answer, evidence]) => ({ ...detail.questions[question], verdict, answer, evidence }))
      .sort((a, b) => WEIGHTS[a.importance] - WEIGHTS[b.importance]);
    const of = (kind) => verdicts.filter(({ verdict }) => verdict === kind);
    const open = [...of('fail'), ...of('undecided')];
    const passed = of('pass');
    return element(
      'div',
      { class: 'verdicts' },
      open.length === 0 ? '' : element('ul', {}, open.map(verdictOf)),
      passed.length === 0
        ? ''
        : element(
            'details',
            { open: open.length === 0 },
            element('summary', {}, `${passed.length} of ${verdicts.length} questions passed`),
            element('ul', {}, passed.map(verdictOf)),
          ),
    );
  }

  function verdictOf({ question, expected, answer, verdict, evidence, importance }) {
    const right = verdict === 'pass';
    return element(
      'li',
      { class: `verdict verdict-${verdict}` },
      icon(MARKS[verdict]),
      element('span', { class: 'hidden' }, `${VERDICTS[verdict]}: `),
      element(
        'div',
        {},
        element('p', {}, question, ' ', importance === 'high' ? element('span', { class: 'weight' }, 'important') : ''),
        element(
          'p',
          { class: 'answer' },
          right ? answer : ['expected ', element('b', {}, expected), ', ', ...givenBy(answer)],
        ),
        evidence === '' ? '' : element('p', { class: 'evidence' }, evidence),
      ),
    );
  }

  /** `cannot_tell` is the choice that every judge has besides a question's own. */
  function givenBy(answer) {
    if (answer === 'cannot_tell') return [element('b', {}, 'could not tell')];
    return ['got ', element('b', {}, answer ?? 'no answer')];
  }

  function promptOf(attempt) {
    if (attempt.prompt === '') return '';
    const added = attempt.changes.filter((change) => change !== '');
    return element(
      'div',
      { class: 'prompt' },
      added.length === 0
        ? ''
        : [
            element('h3', {}, 'Added to the prompt'),
            element(
              'ul',
              {},
              added.map((change) => element('li', {}, element('mark', {}, change))),
            ),
          ],
      element(
        'details',
        {},
        element('summary', {}, 'Whole prompt'),
        element('p', { class: 'text' }, marked(attempt.prompt, added)),
      ),
    );
  }

  /** The prompt in pieces, what was added marked. */
  function marked(prompt, added) {
    let pieces = [prompt];
    for (const change of added) {
      pieces = pieces.flatMap((piece) => {
        const at = typeof piece === 'string' ? piece.indexOf(change) : -1;
        return at < 0 ? [piece] : [piece.slice(0, at), element('mark', {}, change), piece.slice(at + change.length)];
      });
    }
    return pieces;
  }

  Object.assign(globalThis.proofsheet, { attemptFigure, frame });
}
