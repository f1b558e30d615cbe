/**
 * The list of items. Only the rows near the window exist as elements, each at a computed place, so that ten thousand items
 * scroll as smoothly as ten.
 */
{
  const { element, icon, picture, chip, reviewChip, score, dollars, duration, words } = globalThis.proofsheet;
  const ARROW = 'M3 8h9M8.5 4.5 12 8l-3.5 3.5';
  /** Rows drawn above and below the window. */
  const MARGIN = 6;
  /** A list up to this long is drawn whole, so that the browser's own search finds every row. */
  const WHOLE = 200;
  /** Printed at most; results.md has all. */
  const PRINTED = 2000;
  const GAP = 12;

  /** The list in an `<ol>`. Rows are links to `#item=…`, so opening one needs nothing from here. */
  function createList(list) {
    const view = {
      rows: [],
      sheet: false,
      active: 0,
      drawn: new Map(),
      printing: false,
      pictured: false,
      holding: false,
    };
    const redraw = () => draw(list, view);
    let asked = 0;
    const soon = () => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(redraw);
    };
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', () => view.printing || reset(list, view));
    addEventListener('beforeprint', () => setPrinted(list, view, true));
    addEventListener('afterprint', () => setPrinted(list, view, false));
    list.addEventListener('keydown', (event) => steer(list, view, event));
    list.addEventListener('focusin', (event) => {
      const at = event.target.closest('li')?.dataset.at;
      if (at !== undefined) view.active = Number(at);
    });
    return {
      show(rows, sheet) {
        Object.assign(view, { rows, sheet, active: 0, pictured: rows.some(({ best }) => best !== '') });
        reset(list, view);
      },
      /** The same rows with news, perhaps in another order; what is drawn and has not changed stays as it is. */
      refresh: (rows) => refresh(list, view, rows),
      /** Brings the row into the window and gives it the focus. */
      focus: (row) => {
        const at = view.rows.indexOf(row);
        if (at >= 0) activate(list, view, at);
      },
      /** The row `step` places after this one, as they now stand. */
      neighbour: (row, step) => view.rows[view.rows.indexOf(row) + step],
      positionOf: (row) => ({ at: view.rows.indexOf(row) + 1, of: view.rows.length }),
    };
  }

  function reset(list, view) {
    list.classList.toggle('sheet', view.sheet);
    list.replaceChildren();
    view.drawn.clear();
    draw(list, view);
  }

  function refresh(list, view, rows) {
    if (view.printing) return;
    const active = view.rows[view.active];
    const held = list.contains(document.activeElement);
    const pictured = rows.some(({ best }) => best !== '');
    view.rows = rows;
    view.active = Math.max(0, rows.indexOf(active));
    if (pictured && !view.pictured) {
      // From now on every row has room for two pictures.
      view.pictured = true;
      for (const made of view.drawn.values()) made.remove();
      view.drawn.clear();
    }
    for (const [at, made] of view.drawn) {
      const row = rows[at];
      if (row === undefined || (made.row === row && made.version === row.version)) continue;
      const fresh = makeEntry(view, at);
      made.replaceWith(fresh);
      view.drawn.set(at, fresh);
    }
    if (held && !list.contains(document.activeElement)) view.holding = true;
    draw(list, view);
    if (view.holding) view.drawn.get(view.active)?.firstElementChild.focus({ preventScroll: true });
    view.holding = false;
  }

  /** Columns and sizes in pixels, from the room there is. */
  function measure(list, view) {
    const width = list.clientWidth;
    if (!view.sheet) return { columns: 1, width, height: width < 640 ? 104 : 84, pitch: width < 640 ? 104 : 84 };
    const columns = Math.max(1, Math.floor((width + GAP) / (width < 640 ? 160 : 256)));
    const column = (width - GAP * (columns - 1)) / columns;
    const height = Math.round(column / 2) + 76;
    return { columns, width: column, height, pitch: height + GAP };
  }

  function draw(list, view) {
    if (view.printing) return;
    const size = measure(list, view);
    const lines = Math.ceil(view.rows.length / size.columns);
    list.style.height = `${lines * size.pitch}px`;
    const whole = view.rows.length <= WHOLE;
    const above = -list.getBoundingClientRect().top;
    const first = whole ? 0 : Math.max(0, Math.floor(above / size.pitch) - MARGIN) * size.columns;
    // Also with the list still below the window, so that its first rows can be reached by keyboard.
    const last = whole ? WHOLE : (Math.ceil(Math.max(0, above + innerHeight) / size.pitch) + MARGIN) * size.columns;
    const wanted = new Set();
    for (let at = first; at < Math.min(last, view.rows.length); at += 1) wanted.add(at);
    // The row with the focus stays, else the focus would fall back to the page's beginning.
    if (view.holding || list.contains(document.activeElement)) wanted.add(view.active);
    const entry = wanted.has(view.active) ? view.active : first;
    sync(list, view, { wanted: [...wanted].sort((a, b) => a - b), size, entry });
  }

  function sync(list, view, { wanted, size, entry }) {
    const keep = new Set(wanted);
    for (const [at, made] of view.drawn) {
      if (keep.has(at)) continue;
      made.remove();
      view.drawn.delete(at);
    }
    let next = list.firstElementChild;
    for (const at of wanted) {
      let made = view.drawn.get(at);
      if (made === undefined) {
        made = makeEntry(view, at);
        view.drawn.set(at, made);
        list.insertBefore(made, next);
      } else {
        next = made.nextElementSibling;
      }
      made.firstElementChild.tabIndex = at === entry ? 0 : -1;
      place(made, at, size);
    }
  }

  function place(made, at, size) {
    const left = (at % size.columns) * (size.width + GAP);
    made.style.transform = `translate(${left}px, ${Math.floor(at / size.columns) * size.pitch}px)`;
    made.style.width = `${size.width}px`;
    made.style.height = `${size.height}px`;
  }

  function makeEntry(view, at) {
    const row = view.rows[at];
    const link = element('a', { href: `#item=${encodeURIComponent(row.id)}`, class: 'entry' });
    link.append(
      element(
        'span',
        { class: 'pair' },
        element(
          'span',
          { class: `frame frame-${row.state}` },
          row.reference === '' ? endingOf(row) : picture(row.reference, ''),
        ),
        ...(isInWords(view, row)
          ? []
          : [icon(ARROW), element('span', { class: `frame frame-${row.state}` }, candidateOf(row))]),
      ),
      element(
        'span',
        { class: 'who' },
        element('bdi', { class: 'name' }, row.name),
        element('span', { class: 'why' }, row.reason || (row.code && words(row.code)) || row.result),
      ),
      element('span', { class: 'state' }, chip(row.state), reviewChip(row)),
      element(
        'span',
        { class: 'score' },
        isOpen(row) ? roundOf(row) : [element('b', {}, score(row.score)), scoreBar(row)],
      ),
      fact('attempts', row.attempts === 1 ? '1 attempt' : `${row.attempts} attempts`),
      fact('cost', dollars(row.cost)),
      fact('time', duration(row.seconds)),
    );
    const made = element('li', { 'aria-posinset': at + 1, 'aria-setsize': view.rows.length, dataset: { at } }, link);
    return Object.assign(made, { row, version: row.version });
  }

  /** Its result is no picture, as in a batch that makes none. */
  function isInWords(view, row) {
    return row.best === '' && (row.result !== '' || !view.pictured);
  }

  function isOpen({ state }) {
    return state === 'queued' || state === 'running' || state === 'parked';
  }

  /** How far an item in work has come, in place of a score. */
  function roundOf({ attempts }) {
    return attempts === 0 ? '' : element('small', {}, `attempt ${attempts}`);
  }

  function candidateOf(row) {
    return row.best === '' && isOpen(row) ? '' : picture(row.best, '');
  }

  /** What stands for an input that is no picture: the ending of its name. */
  function endingOf(row) {
    if (isOpen(row)) return '';
    const ending = /\.([^.]{1,5})$/.exec(row.name)?.[1];
    return ending ? element('span', { class: 'no-picture ending' }, ending.toUpperCase()) : picture('', '');
  }

  function fact(name, text) {
    return element('span', { class: `fact fact-${name}` }, text);
  }

  function scoreBar(row) {
    const bar = element('span', { class: `meter meter-${row.state}`, 'aria-hidden': 'true' }, element('i'));
    bar.firstElementChild.style.width = `${(row.score ?? 0) * 100}%`;
    return bar;
  }

  function steer(list, view, event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { columns } = measure(list, view);
    const page = columns * 5;
    const steps = { ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page };
    if (view.sheet) Object.assign(steps, { ArrowRight: 1, ArrowLeft: -1 });
    Object.assign(steps, { Home: -view.rows.length, End: view.rows.length });
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    activate(list, view, view.active + step);
  }

  function activate(list, view, wish) {
    const at = Math.min(view.rows.length - 1, Math.max(0, wish));
    const size = measure(list, view);
    const top = list.getBoundingClientRect().top + Math.floor(at / size.columns) * size.pitch;
    const bar = document.getElementById('toolbar').getBoundingClientRect().height + 8;
    if (top < bar) scrollBy({ top: top - bar, behavior: 'instant' });
    else if (top + size.pitch > innerHeight) scrollBy({ top: top + size.pitch - innerHeight, behavior: 'instant' });
    view.active = at;
    draw(list, view);
    // Drawn now even if it was out of the window before, because the scroll above has happened.
    view.drawn.get(at)?.firstElementChild.focus({ preventScroll: true });
    draw(list, view);
  }

  function setPrinted(list, view, on) {
    view.printing = on;
    list.classList.toggle('printed', on);
    if (!on) return reset(list, view);
    list.style.height = '';
    const entries = view.rows.slice(0, PRINTED).map((_, at) => makeEntry(view, at));
    for (const image of entries.flatMap((entry) => [...entry.querySelectorAll('img')])) image.loading = 'eager';
    list.replaceChildren(...entries);
  }

  globalThis.proofsheet.createList = createList;
}
