/** Brings the page to life: filters, order, keys and the address of the open item. */
{
  const { rows, createList, createViewer } = globalThis.proofsheet;
  const by = (id) => document.getElementById(id);
  const search = by('search');
  const reason = by('reason');
  const sort = by('sort');
  const list = createList(by('list'));
  const viewer = createViewer(by('viewer'), list, leave);
  const byId = new Map(rows.map((row) => [row.id, row]));

  const RANKS = { error: 0, failed: 1, cancelled: 2, queued: 3, running: 3, parked: 3, passed: 4, skipped: 5 };
  const down = (key) => (a, b) => (b[key] ?? -1) - (a[key] ?? -1);
  const ORDERS = {
    worst: (a, b) => RANKS[a.state] - RANKS[b.state] || (a.score ?? 2) - (b.score ?? 2),
    best: (a, b) => down('score')(a, b) || RANKS[b.state] - RANKS[a.state],
    name: () => 0,
    attempts: down('attempts'),
    // A cost that is not known may be the highest.
    cost: (a, b) => (b.cost ?? Number.MAX_VALUE) - (a.cost ?? Number.MAX_VALUE),
    time: down('seconds'),
  };
  // Sorted by name once: the other orders are stable, so equal items stay in the order of their names.
  const collator = new Intl.Collator('en', { numeric: true });
  const named = rows.toSorted((a, b) => collator.compare(a.name, b.name));

  function checked(name) {
    return document.querySelector(`input[name="${name}"]:checked`)?.value ?? '';
  }

  function choose(name, value) {
    const radio = [...document.getElementsByName(name)].find((input) => input.value === value);
    if (radio) radio.checked = true;
  }

  function update() {
    const wanted = { text: search.value.trim().toLowerCase(), state: checked('state'), code: reason.value };
    const isOpen = (row) => ['queued', 'running', 'parked'].includes(row.state);
    const found = named.filter(
      (row) =>
        (wanted.state === '' || row.state === wanted.state || (wanted.state === 'open' && isOpen(row))) &&
        (wanted.code === '' || row.code === wanted.code) &&
        (wanted.text === '' || row.found.includes(wanted.text)),
    );
    found.sort(ORDERS[sort.value]);
    list.show(found, checked('view') === 'sheet');
    const all = found.length === rows.length;
    by('shown').textContent = all
      ? ''
      : `${found.length.toLocaleString('en')} of ${rows.length.toLocaleString('en')} shown`;
    by('empty').hidden = found.length > 0;
    by('empty').textContent =
      rows.length === 0 ? 'This batch has no items.' : 'No item fits. Clear the search or choose another filter.';
    for (const button of document.querySelectorAll('[data-reason]')) {
      button.setAttribute('aria-pressed', String(button.dataset.reason === wanted.code));
    }
    for (const button of document.querySelectorAll('[data-state]')) {
      button.setAttribute('aria-pressed', String(button.dataset.state === wanted.state));
    }
  }

  function opened() {
    const match = /^#item=(.+)$/.exec(location.hash);
    if (!match) return undefined;
    try {
      return byId.get(decodeURIComponent(match[1]));
    } catch {
      return undefined;
    }
  }

  function follow() {
    const row = opened();
    if (row) viewer.show(row);
    else viewer.close();
  }

  /** The viewer was closed: the address goes back to the list, the focus to the row. */
  function leave(row) {
    if (opened()) history.replaceState(null, '', '#');
    list.focus(row);
  }

  function press(event) {
    const typing = event.target instanceof HTMLElement && event.target.matches('input[type="search"], select');
    if (event.key === '/' && !typing && !viewer.isOpen()) {
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.target === search && (event.key === 'ArrowDown' || event.key === 'Enter')) {
      event.preventDefault();
      by('list').querySelector('a[tabindex="0"]')?.focus();
    }
    if (event.target === search && event.key === 'Escape') {
      search.value = '';
      update();
    }
  }

  search.addEventListener('input', update);
  reason.addEventListener('change', update);
  sort.addEventListener('change', update);
  for (const input of document.querySelectorAll('.states input')) input.addEventListener('change', update);
  for (const button of document.querySelectorAll('[data-reason], [data-state]')) {
    button.addEventListener('click', () => {
      const pressed = button.getAttribute('aria-pressed') === 'true';
      if (button.dataset.reason !== undefined) reason.value = pressed ? '' : button.dataset.reason;
      else choose('state', pressed ? '' : button.dataset.state);
      update();
      by('items').scrollIntoView();
    });
  }
  addEventListener('keydown', press);
  addEventListener('hashchange', follow);
  update();
  follow();
}
