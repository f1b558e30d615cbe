import { ask } from './api.js';
import { stateBar } from './state-bar.js';
import { watchBatch } from './watch.js';
import { button, content, failure, number, timeAgo } from './widgets.js';

const { element, chip, score, dollars, duration } = globalThis.proofsheet;
const LOOK_EVERY_MS = 5000;
/** A browser keeps few connections to one server; more batches than these are looked at now and then. */
const MOST_STREAMS = 2;

const entries = new Map();
const list = element('ol', { class: 'batches', 'aria-label': 'Batches' });
const more = button('Show older ones', () => showOlder(), { kind: 'older' });
let oldest;

content.replaceChildren(
  element(
    'header',
    { class: 'page-head' },
    element('h1', {}, 'Batches'),
    element('a', { class: 'button primary', href: '/start' }, 'Start a batch'),
  ),
);
const place = element('div', { 'aria-busy': 'true' }, element('p', { class: 'empty' }, 'Loading …'));
content.append(place);

async function look() {
  try {
    const { batches, next_cursor: next } = await ask('/api/batches?limit=30');
    if (entries.size === 0) oldest = next;
    if (batches.length === 0) place.replaceChildren(emptyState());
    else if (!list.isConnected) place.replaceChildren(list, more);
    batches.toReversed().forEach(show);
    more.hidden = !oldest;
  } catch (error) {
    if (entries.size === 0) place.replaceChildren(failure(error, look));
  }
  place.removeAttribute('aria-busy');
}

async function showOlder() {
  const { batches, next_cursor: next } = await ask(`/api/batches?limit=30&cursor=${encodeURIComponent(oldest)}`);
  for (const batch of batches) show(batch, true);
  oldest = next;
  more.hidden = !oldest;
}

function emptyState() {
  return element(
    'div',
    { class: 'empty' },
    element('p', {}, 'There is no batch yet.'),
    element('p', {}, 'Choose pictures and a recipe, see what it will cost, and watch the proof sheet fill up.'),
    element('a', { class: 'button primary', href: '/start' }, 'Start the first batch'),
  );
}

function show(batch, older) {
  const known = entries.get(batch.batch_id);
  const entry = known ?? newEntry(batch.batch_id);
  entry.draw(batch);
  follow(entry, batch);
  if (known) return;
  entries.set(batch.batch_id, entry);
  if (older === true) list.append(entry.item);
  else list.prepend(entry.item);
}

/** Batches under way are followed by their streams. */
function follow(entry, { batch_id: id, state }) {
  const streams = [...entries.values()].filter(({ stop }) => stop).length;
  if (state !== 'running' || entry.stop || streams >= MOST_STREAMS) return;
  entry.stop = watchBatch(id, {
    connected: () => undefined,
    hear(kind, data) {
      if (kind !== 'item') entry.draw(data);
      if (kind === 'complete') entry.stop = undefined;
    },
  });
}

function newEntry(id) {
  const link = element('a', { class: 'card batch', href: `/batches/${encodeURIComponent(id)}` });
  const bar = stateBar();
  return {
    item: element('li', {}, link),
    draw(batch) {
      bar.draw(batch.counts);
      link.replaceChildren(
        element(
          'span',
          { class: 'batch-title' },
          element('bdi', { class: 'batch-name' }, batch.name),
          chip(batch.cancel_requested && batch.state === 'running' ? 'cancelling' : batch.state),
          batch.simulated ? element('span', { class: 'chip' }, 'simulated') : '',
        ),
        element('span', { class: 'batch-about' }, `${batch.recipe} · `, timeAgo(batch.created_at)),
        bar.svg,
        element('span', { class: 'batch-facts' }, factsOf(batch)),
        batch.paused ? element('span', { class: 'batch-paused' }, batch.paused.message) : '',
      );
    },
  };
}

function factsOf(batch) {
  const { total, passed, failed, error, cancelled, skipped } = batch.counts;
  const settled = passed + failed + error + cancelled + skipped;
  const isOver = batch.state === 'finished' || batch.state === 'cancelled';
  const judged = passed + failed + error;
  const facts = [
    isOver ? `${number(total)} items` : `${number(settled)} of ${number(total)}${batch.listed ? '' : '+'} items`,
    judged > 0 ? `${((passed / judged) * 100).toFixed(0)} % passed` : '',
    failed > 0 ? `${number(failed)} failed` : '',
    error > 0 ? `${number(error)} errors` : '',
    batch.average_score === null ? '' : `score ${score(batch.average_score)}`,
    batch.unpriced_calls ? `${dollars(batch.cost_usd)} (some prices unknown)` : dollars(batch.cost_usd),
    duration(batch.seconds),
  ];
  return facts.filter(Boolean).map((fact) => element('span', {}, fact));
}

await look();
setInterval(() => document.hidden || look(), LOOK_EVERY_MS);
