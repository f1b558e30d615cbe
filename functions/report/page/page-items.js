/** The items of a page: filters, order, keys and the address of the open item, over rows that may still change. */
{
  const { createList, createViewer } = globalThis.proofsheet;
  const by = (id) => document.getElementById(id);
  const RANKS = { error: 0, failed: 1, cancelled: 2, queued: 3, running: 3, parked: 3, passed: 4, skipped: 5 };
  const down = (key) => (a, b) => (b[key] ?? -1) - (a[key] ?? -1);
  const ORDERS = {
    worst: (a, b) => RANKS[a.state] - RANKS[b.state] || (a.score ?? 2) - (b.score ?? 2),
    best: (a, b) => down('score')(a, b) || RANKS[b.state] - RANKS[a.state],
    name: () => 0,
    latest: down('settledAt'),
    attempts: down('attempts'),
    // A cost that is not known may be the highest.
    cost: (a, b) => (b.cost ?? Number.MAX_VALUE) - (a.cost ?? Number.MAX_VALUE),
    time: down('seconds'),
  };
  const collator = new Intl.Collator('en', { numeric: true });

  /** `rows` is the array of all rows, `byId` the same by id; `viewing` is what `createViewer` wants besides. */
  function createItems({ rows, byId, viewing, none = 'This batch has no items.' }) {
    const list = createList(by('list'));
    const items = { rows, byId, list, named: [], none };
    const leave = (row) => {
      if (openedBy(byId)) history.replaceState(null, '', '#');
      list.focus(row);
    };
    items.viewer = createViewer(by('viewer'), list, { ...viewing, onclose: leave });
    const update = () => show(items, (found) => list.show(found, checked('view') === 'sheet'));
    const follow = () => {
      const row = openedBy(byId);
      if (row) items.viewer.show(row);
      else items.viewer.close();
    };
    listen(items, update);
    addEventListener('hashchange', follow);
    return {
      ...{ list, viewer: items.viewer, update, follow },
      /** After rows have changed or come, without moving what is on the screen more than the order wants. */
      refresh: () => show(items, list.refresh),
    };
  }

  function listen(items, update) {
    for (const id of ['search', 'reason', 'sort'])
      by(id).addEventListener(id === 'search' ? 'input' : 'change', update);
    for (const input of document.querySelectorAll('.states input')) input.addEventListener('change', update);
    addEventListener('keydown', (event) => press(items, event, update));
    // By the document, because some of these buttons come and go.
    document.addEventListener('click', ({ target }) => {
      const button = target.closest('[data-reason], [data-state]');
      if (!button) return;
      const pressed = button.getAttribute('aria-pressed') === 'true';
      if (button.dataset.reason !== undefined) by('reason').value = pressed ? '' : button.dataset.reason;
      else choose('state', pressed ? '' : button.dataset.state);
      update();
      by('items').scrollIntoView();
    });
  }

  function show(items, draw) {
    const { rows } = items;
    // Sorted by name once: the other orders are stable, so equal items stay in the order of their names.
    if (items.named.length !== rows.length) items.named = rows.toSorted((a, b) => collator.compare(a.name, b.name));
    const wanted = { text: by('search').value.trim().toLowerCase(), state: checked('state'), code: by('reason').value };
    const found = items.named.filter((row) => fits(row, wanted));
    const order = by('sort').value;
    if (order !== 'name') found.sort(ORDERS[order]);
    draw(found);
    const [some, all] = [found.length.toLocaleString('en'), rows.length.toLocaleString('en')];
    by('shown').textContent = found.length === rows.length ? '' : `${some} of ${all} shown`;
    by('empty').hidden = found.length > 0;
    by('empty').textContent =
      rows.length === 0 ? items.none : 'No item fits. Clear the search or choose another filter.';
    for (const button of document.querySelectorAll('[data-reason]')) {
      button.setAttribute('aria-pressed', String(button.dataset.reason === wanted.code));
    }
    for (const button of document.querySelectorAll('[data-state]')) {
      button.setAttribute('aria-pressed', String(button.dataset.state === wanted.state));
    }
  }

  function fits(row, { text, state, code }) {
    const isOpen = row.state === 'queued' || row.state === 'running' || row.state === 'parked';
    if (state !== '' && row.state !== state && !(state === 'open' && isOpen)) return false;
    if (code !== '' && row.code !== code) return false;
    return text === '' || row.found.includes(text);
  }

  function openedBy(byId) {
    const match = /^#item=(.+)$/.exec(location.hash);
    if (!match) return undefined;
    try {
      return byId.get(decodeURIComponent(match[1]));
    } catch {
      return undefined;
    }
  }

  function press({ viewer }, event, update) {
    const search = by('search');
    const typing =
      event.target instanceof HTMLElement && event.target.matches('input:not([type="radio"]), select, textarea');
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

  function checked(name) {
    return document.querySelector(`input[name="${name}"]:checked`)?.value ?? '';
  }

  function choose(name, value) {
    const radio = [...document.getElementsByName(name)].find((input) => input.value === value);
    if (radio) radio.checked = true;
  }

  globalThis.proofsheet.createItems = createItems;
}
