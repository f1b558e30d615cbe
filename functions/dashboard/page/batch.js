import { ask } from './api.js';
import { batchFeed } from './batch-feed.js';
import { batchHead } from './batch-head.js';
import { batchSummary } from './batch-summary.js';
import { charts } from './charts.js';
import { recordOf } from './item-record.js';
import { journalOf } from './journal.js';
import { reviewing } from './review.js';
import { content, failure, number, toast } from './widgets.js';

const { element, createItems, words } = globalThis.proofsheet;

const DRAW_EVERY_MS = 250;
const CHARTS_EVERY_MS = 1000;

const batchId = decodeURIComponent(location.pathname.split('/').at(-1));
const path = `/api/batches/${encodeURIComponent(batchId)}`;

try {
  const batch = await ask(path);
  document.title = `${batch.name} · proofsheet`;
  await showBatch(batch);
} catch (error) {
  const all = element('p', {}, element('a', { href: '/' }, 'All batches'));
  content.replaceChildren(
    failure(error, () => location.reload()),
    all,
  );
}

async function showBatch(batch) {
  const head = batchHead(batch, { reload: () => feed.follow() });
  const summary = batchSummary(batch);
  const panels = charts(batch);
  content.replaceChildren(head.header, summary.section, panels.section);
  document.getElementById('below').hidden = false;
  const onProgress = (now) => {
    head.draw(now);
    summary.draw(now);
    drawStates(now);
  };
  const { total, passed, failed, error, cancelled, skipped } = batch.counts;
  onProgress({ ...batch, running: 0, queued: total - passed - failed - error - cancelled - skipped });
  const feed = batchFeed(batchId, path, {
    connected: head.connected,
    moreWanted,
    failed: (error) => toast(error.message),
    onItem(line) {
      const shown = items.viewer.opened();
      const isNews = shown?.id === line.item_id && shown.state !== line.status;
      return isNews ? items.viewer.show : undefined;
    },
    onProgress,
  });
  let isReviewed = false;
  const review = reviewing(path, (id, said) => {
    feed.review(id, said);
    head.reviewed();
    isReviewed = true;
  });
  const items = createItems({
    ...{ rows: feed.rows, byId: feed.byId, none: 'No item is known yet.' },
    viewing: {
      load: async (row) => recordOf(await ask(`${path}/items/${encodeURIComponent(row.id)}`)),
      lead: (row) => [review.bar(row, items.viewer)],
      more: (_, record) => journalOf(record),
    },
  });
  review.listen(items, feed.byId);
  prepareOrders(batch);
  items.update();
  let isCharted = true;
  setInterval(() => {
    if (!feed.news() && !isReviewed) return;
    isReviewed = false;
    isCharted = false;
    drawReasons(feed.rows);
    items.refresh();
  }, DRAW_EVERY_MS);
  setInterval(() => {
    if (!isCharted) panels.draw(feed.rows);
    isCharted = true;
    void feed.catchUp();
  }, CHARTS_EVERY_MS);
  addEventListener('pagehide', feed.stop);
  await feed.follow();
  items.follow();
}

/** Waits until somebody asks for more rows than were loaded so far; gives how many there may be then. */
function moreWanted(loaded, more) {
  return new Promise((resolve) => {
    const place = element('p', { class: 'notice' }, `These are the first ${number(loaded)} items. `);
    const next = () => {
      place.remove();
      resolve(loaded + more);
    };
    place.append(element('button', { type: 'button', class: 'link', onclick: next }, 'Load more of them'));
    document.getElementById('shown').after(place);
  });
}

/** While a batch runs its items keep their places and fill up; one that is over is looked at from its worst item on. */
function prepareOrders({ state }) {
  const sort = document.getElementById('sort');
  sort.append(element('option', { value: 'latest' }, 'Latest first'));
  const isOver = state === 'finished' || state === 'cancelled';
  sort.value = isOver ? 'worst' : 'name';
  document.querySelector(`[name="view"][value="${isOver ? 'list' : 'sheet'}"]`).checked = true;
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
