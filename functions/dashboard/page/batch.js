import { ask, pagesOf } from './api.js';
import { batchHead } from './batch-head.js';
import { batchSummary } from './batch-summary.js';
import { charts } from './charts.js';
import { recordOf } from './item-record.js';
import { journalOf } from './journal.js';
import { reviewing } from './review.js';
import { itemRows } from './rows.js';
import { watchBatch } from './watch.js';
import { content, failure, number } from './widgets.js';

const { element, createItems, words } = globalThis.proofsheet;

const ROWS_AT_ONCE = 500;
/** More rows than this are only loaded when they are asked for. */
const ROWS_AT_FIRST = 20_000;
const DRAW_EVERY_MS = 250;
const CHARTS_EVERY_MS = 1000;

const batchId = decodeURIComponent(location.pathname.split('/').at(-1));
const path = `/api/batches/${encodeURIComponent(batchId)}`;
const section = document.getElementById('items');

try {
  const batch = await ask(path);
  document.title = `${batch.name} · proofsheet`;
  showBatch(batch);
} catch (error) {
  section.remove();
  content.append(
    failure(error, () => location.reload()),
    element('p', {}, element('a', { href: '/' }, 'All batches')),
  );
}

function showBatch(batch) {
  const store = itemRows();
  const head = batchHead(batch, { reload });
  const summary = batchSummary(batch);
  const panels = charts(batch);
  content.append(head.header, summary.section, panels.section);
  const review = reviewing(path, (id, said) => {
    store.review(id, said);
    head.reviewed();
    changed.rows = true;
  });
  const items = createItems({
    ...{ rows: store.rows, byId: store.byId, none: 'No item is known yet.' },
    viewing: {
      load: async (row) => recordOf(await ask(`${path}/items/${encodeURIComponent(row.id)}`)),
      lead: (row) => [review.bar(row, items.viewer)],
      more: (_, record) => journalOf(record),
    },
  });
  review.listen(items, store);
  prepareOrders(batch);
  const changed = { rows: true, charts: true, settled: undefined };
  const told = { ids: new Set(), listing: false };

  function hear(kind, data) {
    if (kind === 'item') {
      const shown = items.viewer.opened();
      const wasOpen = shown?.id === data.item_id && shown.state !== data.status;
      const row = store.tell(data);
      if (told.listing) told.ids.add(row.id);
      if (wasOpen) items.viewer.show(row);
    } else {
      for (const line of data.items ?? []) hear('item', line);
      head.draw(data);
      summary.draw(data);
      drawStates(data);
      if (settledOf(data) < changed.settled) reload();
      changed.settled = settledOf(data);
    }
    Object.assign(changed, { rows: true, charts: true });
  }

  let stop = () => undefined;
  function watch() {
    stop();
    stop = watchBatch(batchId, { hear, connected: head.connected });
  }
  /** After something was set going again: items may have gone back to the queue, which no event tells. */
  function reload() {
    changed.settled = undefined;
    watch();
    loadRows(store, told, changed).catch((error) => head.say(error.message));
  }
  addEventListener('pagehide', () => stop());
  setInterval(() => {
    if (!changed.rows) return;
    changed.rows = false;
    drawReasons(store.rows);
    items.refresh();
  }, DRAW_EVERY_MS);
  setInterval(() => {
    if (!changed.charts) return;
    changed.charts = false;
    panels.draw(store.rows);
  }, CHARTS_EVERY_MS);
  items.update();
  watch();
  loadRows(store, told, changed).then(items.follow, (error) => head.say(error.message));
}

/** Reads all items, page by page; what events tell meanwhile is newer. */
async function loadRows(store, told, changed) {
  Object.assign(told, { listing: true, ids: new Set() });
  let most = ROWS_AT_FIRST;
  for await (const { items, next_cursor: next } of pagesOf(`${path}/lines`, ROWS_AT_ONCE)) {
    for (const line of items) store.list(line, told.ids);
    Object.assign(changed, { rows: true, charts: true });
    if (next && store.rows.length >= most) most = await moreWanted(store.rows.length);
  }
  told.listing = false;
}

/** Waits until somebody asks for more rows than were loaded at first. */
function moreWanted(loaded) {
  return new Promise((resolve) => {
    const place = element('p', { class: 'notice more-rows' }, `These are the first ${number(loaded)} items. `);
    const next = () => {
      place.remove();
      resolve(loaded + ROWS_AT_FIRST);
    };
    place.append(element('button', { type: 'button', class: 'link', onclick: next }, 'Load more of them'));
    document.getElementById('shown').after(place);
  });
}

/** While a batch runs its items keep their places and fill up; one that is over is looked at from its worst item on. */
function prepareOrders(batch) {
  const sort = document.getElementById('sort');
  sort.append(element('option', { value: 'latest' }, 'Latest first'));
  const isOver = batch.state === 'finished' || batch.state === 'cancelled';
  sort.value = isOver ? 'worst' : 'name';
  const view = document.querySelector(`[name="view"][value="${isOver ? 'list' : 'sheet'}"]`);
  view.checked = true;
}

function drawStates({ counts, running, queued }) {
  const numbers = { ...counts, '': counts.total, open: running + queued };
  for (const input of document.querySelectorAll('[name="state"]')) {
    const label = input.closest('label');
    const shown = numbers[input.value] ?? 0;
    label.querySelector('b').textContent = number(shown);
    label.hidden = shown === 0 && !input.checked && !['', 'passed', 'failed', 'error'].includes(input.value);
  }
}

function drawReasons(rows) {
  const select = document.getElementById('reason');
  const counts = new Map();
  for (const { code } of rows) if (code !== '') counts.set(code, (counts.get(code) ?? 0) + 1);
  for (const [code, count] of counts) {
    const option = [...select.options].find(({ value }) => value === code);
    const text = `${words(code)} (${number(count)})`;
    if (option === undefined) select.append(element('option', { value: code }, text));
    else if (option.textContent !== text) option.textContent = text;
  }
}

function settledOf({ counts }) {
  return counts.passed + counts.failed + counts.error + counts.cancelled + counts.skipped;
}
