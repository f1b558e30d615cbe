/** One item, large: the reference beside every attempt, what was judged, asked and paid. */
{
  const { element, icon, chip, reviewChip, score, dollars, duration, words, frame, attemptFigure, resultView } =
    globalThis.proofsheet;
  const LEFT = 'M10 3 5 8l5 5';
  const RIGHT = 'm6 3 5 5-5 5';
  const CROSS = 'm4 4 8 8M12 4l-8 8';

  /**
   * The view of items in a dialog. `load` gets an item's detail, `onclose` is told the row that was open; `lead` and `more` give what
   * stands before and after what every page shows of an item.
   */
  function createViewer(dialog, list, { load, onclose, lead = () => [], more = () => [] }) {
    let open;
    const go = (step) => {
      const next = open && list.neighbour(open, step);
      if (next) location.replace(`#item=${encodeURIComponent(next.id)}`);
    };
    dialog.addEventListener('close', () => {
      const closed = open;
      open = undefined;
      document.documentElement.classList.remove('viewing');
      dialog.replaceChildren();
      if (closed) onclose(closed);
    });
    dialog.addEventListener('keydown', (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.target.closest('.strip, .scroll, textarea, input')) return;
      if (event.key === 'ArrowLeft') go(-1);
      if (event.key === 'ArrowRight') go(1);
    });
    return {
      isOpen: () => dialog.open,
      opened: () => open,
      /** After what the head shows of the open item has changed. */
      retitle() {
        const focused = dialog.querySelector('.viewer-head :focus')?.classList[1];
        dialog.querySelector('.viewer-head')?.replaceWith(headOf(open, list, go, () => dialog.close()));
        if (focused) dialog.querySelector(`.viewer-head .${focused}`).focus();
      },
      close: () => dialog.open && dialog.close(),
      async show(row) {
        open = row;
        const body = element(
          'div',
          { class: 'viewer-body', 'aria-busy': 'true' },
          element('p', { class: 'quiet' }, 'Loading …'),
        );
        dialog.replaceChildren(
          headOf(row, list, go, () => dialog.close()),
          body,
        );
        document.documentElement.classList.add('viewing');
        if (!dialog.open) dialog.showModal();
        dialog.scrollTop = 0;
        dialog.querySelector('.close').focus();
        try {
          const detail = await load(row);
          if (open === row) body.replaceChildren(...lead(row, detail), ...bodyOf(row, detail), ...more(row, detail));
        } catch (error) {
          if (open === row) body.replaceChildren(element('p', { class: 'notice' }, error.message));
        }
        body.removeAttribute('aria-busy');
      },
    };
  }

  function headOf(row, list, go, close) {
    const { at, of } = list.positionOf(row);
    const button = (name, label, path, onclick, disabled) =>
      element(
        'button',
        { type: 'button', class: `round ${name}`, 'aria-label': label, title: label, onclick, disabled },
        icon(path),
      );
    return element(
      'header',
      { class: 'viewer-head' },
      element(
        'div',
        { class: 'viewer-title' },
        element('h2', { id: 'viewer-name' }, element('bdi', {}, row.name)),
        chip(row.state),
        reviewChip(row),
        row.score === null
          ? ''
          : element('span', { class: 'viewer-score' }, 'score ', element('b', {}, score(row.score))),
      ),
      element(
        'div',
        { class: 'viewer-nav' },
        at > 0 ? element('span', { class: 'quiet' }, `${at.toLocaleString('en')} of ${of.toLocaleString('en')}`) : '',
        button('previous', 'Previous item', LEFT, () => go(-1), at <= 1),
        button('next', 'Next item', RIGHT, () => go(1), at === 0 || at >= of),
        button('close', 'Close', CROSS, close),
      ),
    );
  }

  function bodyOf(row, detail) {
    const pictured = detail.reference !== '' || detail.attempts.length > 0;
    const inWords = detail.result !== null && detail.attempts.length === 0;
    const shown = inWords ? resultView(row, detail) : pictured ? stripOf(row, detail) : descriptionOf(detail);
    const parts = [
      reasonOf(row, detail),
      reviewOf(row),
      shown,
      rubricOf(detail),
      billOf(row, detail),
      columnsOf(detail),
      element('p', { class: 'source quiet' }, 'Source ', element('bdi', {}, detail.source)),
    ];
    return parts.filter((part) => part !== '');
  }

  function reasonOf(row, detail) {
    if (detail.message === '' && row.code === '') return '';
    return element(
      'div',
      { class: `reason reason-${row.state}` },
      row.code === '' ? '' : element('code', {}, words(row.code)),
      element('p', {}, detail.message),
      detail.remedy === '' ? '' : element('p', { class: 'remedy' }, detail.remedy),
    );
  }

  function reviewOf({ review }) {
    if (!review?.note) return '';
    return element('p', { class: 'review' }, element('b', {}, 'Review'), ' ', element('bdi', {}, review.note));
  }

  function stripOf(row, detail) {
    const reference = element(
      'figure',
      { class: 'reference' },
      element('figcaption', {}, element('b', {}, 'Reference')),
      frame(detail.reference, detail.referenceThumbnail, `Reference of ${row.name}`),
      element('p', { class: 'text' }, detail.description || 'The picture as the models saw it.'),
    );
    const attempts = detail.attempts.map((attempt) => attemptFigure(row, detail, attempt));
    return element(
      'div',
      {
        class: 'strip',
        role: 'region',
        'aria-label': 'Reference and attempts',
        tabindex: '0',
        dataset: { attempts: attempts.length },
      },
      reference,
      attempts,
    );
  }

  function descriptionOf(detail) {
    return detail.description === '' ? '' : section('Description', element('p', { class: 'text' }, detail.description));
  }

  function rubricOf(detail) {
    if (detail.asked.length === 0) return '';
    const rest = detail.dropped === 0 ? '' : ` ${detail.dropped} more were dropped as unusable.`;
    const questions = detail.asked.map((at) => detail.questions[at]);
    return section(
      'Rubric',
      element('p', { class: 'quiet' }, `${questions.length} questions, made once from the description.${rest}`),
      element(
        'ol',
        { class: 'rubric' },
        questions.map(({ question, expected, category }) =>
          element(
            'li',
            {},
            question,
            ' ',
            element('b', {}, expected),
            ' ',
            element('span', { class: 'quiet' }, category),
          ),
        ),
      ),
    );
  }

  function billOf(row, detail) {
    if (detail.steps.length === 0) return '';
    const heads = ['Step', 'Attempt', 'Model', 'Tokens in', 'Tokens out', 'Tries', 'Time', 'Cost'];
    const cell = (text, number = true) => element('td', { class: number ? 'number' : '' }, text);
    const usage = (step) => [
      cell(step.tokensIn.toLocaleString('en')),
      cell(step.tokensOut.toLocaleString('en')),
      cell(step.tries),
      cell(duration(step.tookMs / 1000)),
      cell(dollars(step.costNano === null ? null : step.costNano / 1e9)),
    ];
    const lines = detail.steps.map((step) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, step.key, step.code ? element('code', {}, words(step.code)) : ''),
        cell(step.attempt === 0 ? '–' : step.attempt),
        cell([step.model, step.modelVersion === step.model ? '' : element('small', {}, step.modelVersion)], false),
        ...(step.adopted ? [element('td', { class: 'number', colspan: '5' }, 'taken over, no call')] : usage(step)),
      ),
    );
    const head = element(
      'tr',
      {},
      heads.map((name, at) => element('th', { scope: 'col', class: at === 0 || at === 2 ? '' : 'number' }, name)),
    );
    const table = element('table', {}, element('thead', {}, head), element('tbody', {}, lines));
    const listed = detail.steps.filter((step) => !step.adopted).length;
    const earlier = listed === detail.calls ? '' : ', earlier takes of the item included';
    const total = `${detail.calls} calls, ${dollars(row.cost)}, ${duration(row.seconds)} in work${earlier}`;
    return section(
      'Bill',
      element('p', { class: 'quiet' }, total),
      element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Bill' }, table),
    );
  }

  function columnsOf(detail) {
    if (detail.metadata.length === 0) return '';
    const lines = detail.metadata.map(([column, value]) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, element('bdi', {}, column)),
        element('td', {}, element('bdi', {}, value)),
      ),
    );
    const table = element('table', {}, element('tbody', {}, lines));
    return section(
      'Catalogue data',
      element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Catalogue data' }, table),
    );
  }

  function section(title, ...content) {
    return element('section', { class: 'viewer-section' }, element('h3', {}, title), content);
  }

  globalThis.proofsheet.createViewer = createViewer;
}
