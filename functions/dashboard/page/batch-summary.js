import { stateBar } from './state-bar.js';
import { number } from './widgets.js';

const { element, score, dollars, duration } = globalThis.proofsheet;
const STATES = ['passed', 'failed', 'error', 'skipped', 'cancelled', 'open'];
/** Pace is measured over this long, so that it follows what happens now. */
const PACE_MS = 60_000;

/** The batch at a glance: how far, how well, how fast, what it cost. Drawn in place, so that nothing moves. */
export function batchSummary(batch) {
  const [figure, unit, line] = [element('b', {}, '–'), element('span'), element('p', { class: 'outcome-line' })];
  const bar = stateBar();
  const legend = new Map(STATES.map((state) => [state, legendEntry(state)]));
  const tiles = {
    score: tile('Average best score'),
    pace: tile('Throughput'),
    time: tile('Time'),
    cost: tile('Cost'),
    calls: tile('Model calls'),
    work: tile('In work'),
  };
  const section = element(
    'section',
    { class: 'summary', 'aria-label': 'Summary' },
    element(
      'div',
      { class: 'card outcome' },
      element('p', { class: 'figure' }, figure, ' ', unit),
      line,
      bar.svg,
      element(
        'ul',
        { class: 'legend' },
        [...legend.values()].map(({ item }) => item),
      ),
    ),
    element(
      'dl',
      { class: 'tiles' },
      Object.values(tiles).map(({ card }) => card),
    ),
  );
  const pace = paceOf();
  return {
    section,
    draw(now) {
      const of = figuresOf(now, pace(now));
      figure.textContent = of.figure;
      unit.textContent = of.unit;
      line.textContent = of.line;
      bar.draw(now.counts, now.running);
      for (const [state, { count, item }] of legend) {
        const shown = state === 'open' ? now.running + now.queued : now.counts[state];
        count.textContent = number(shown);
        item.hidden = shown === 0 && !['passed', 'failed', 'error'].includes(state);
      }
      drawTiles(tiles, now, of, batch);
    },
  };
}

function legendEntry(state) {
  const count = element('b', {}, '0');
  const mark = element('i', { 'aria-hidden': 'true' });
  const pressed = { type: 'button', class: `legend-${state}`, 'aria-pressed': 'false', dataset: { state } };
  return { count, item: element('li', {}, element('button', pressed, mark, state, ' ', count)) };
}

function tile(label) {
  const [value, note] = [element('b', {}, '–'), element('small', {}, '\u00a0')];
  const meter = element('span', { class: 'meter', 'aria-hidden': 'true', hidden: true }, element('i'));
  const card = element('div', { class: 'card tile' }, element('dt', {}, label), element('dd', {}, value, note, meter));
  return {
    card,
    draw(text, small, loud = false) {
      value.textContent = text;
      note.textContent = small || '\u00a0';
      card.classList.toggle('loud', loud);
    },
    /** How much of something limited is used, from 0 to 1. */
    fill(share) {
      meter.hidden = false;
      meter.firstElementChild.style.width = `${Math.min(1, share) * 100}%`;
    },
  };
}

function figuresOf(now, perMinute) {
  const { counts, state, listed, running, queued } = now;
  const judged = counts.passed + counts.failed + counts.error;
  const settled = judged + counts.cancelled + counts.skipped;
  const isOver = state === 'finished' || state === 'cancelled';
  const left = !isOver && perMinute > 0 ? ((running + queued) / perMinute) * 60 : undefined;
  const total = `${number(counts.total)}${listed ? '' : ' or more'}`;
  if (isOver) {
    const passed = `${number(counts.passed)} of ${number(judged)} items passed`;
    const rest = counts.total - judged;
    return {
      ...{ settled, left, perMinute, isOver, unit: 'pass rate' },
      figure: judged === 0 ? '–' : percent(counts.passed / judged),
      line: `${judged === 0 ? 'No item was worked on in this batch' : passed}${rest > 0 ? `; ${number(rest)} more were not judged` : ''}.`,
    };
  }
  return {
    ...{ settled, left, perMinute, isOver, unit: 'done' },
    figure: counts.total === 0 ? '0 %' : percent(settled / counts.total),
    line: counts.total === 0 ? 'Looking for items …' : `${number(settled)} of ${total} items.`,
  };
}

function drawTiles(tiles, now, { settled, left, perMinute, isOver }, { settings }) {
  const { counts, running, queued, seconds, cost_usd: cost, unpriced_calls: unpriced = 0 } = now;
  const threshold = settings?.threshold;
  tiles.score.draw(score(now.average_score), threshold === undefined ? '' : `passes from ${threshold}`);
  tiles.pace.draw(perMinute >= 100 ? number(Math.round(perMinute)) : perMinute.toFixed(1), 'items a minute');
  tiles.time.draw(
    duration(seconds),
    isOver ? 'from start to end' : left === undefined ? 'end not known yet' : `about ${duration(left)} left`,
  );
  const limit = now.max_spend_usd;
  const each = settled > 0 && cost !== null ? `${dollars(cost / settled)} an item` : '';
  if (unpriced > 0) tiles.cost.draw(dollars(cost), `price unknown for ${number(unpriced)} calls`, true);
  else tiles.cost.draw(dollars(cost), limit === null ? each : `of ${dollars(limit)} at most`);
  if (limit > 0) tiles.cost.fill((cost ?? 0) / limit);
  tiles.calls.draw(number(now.calls), settled > 0 ? `${(now.calls / settled).toFixed(1)} an item` : '');
  tiles.work.draw(
    isOver ? number(counts.total) : number(running),
    isOver ? 'items in all' : `${number(queued)} waiting`,
  );
  tiles.work.card.querySelector('dt').textContent = isOver ? 'Items' : 'In work';
}

/** Items a minute: over the last minute of watching, or before that over the whole time so far. */
function paceOf() {
  const samples = [];
  return ({ counts, seconds, state }) => {
    const settled = counts.passed + counts.failed + counts.error;
    const overall = seconds > 0 ? (settled / seconds) * 60 : 0;
    if (state !== 'running') return overall;
    samples.push({ seconds, settled });
    while (samples.length > 2 && seconds - samples[0].seconds > PACE_MS / 1000) samples.shift();
    const first = samples[0];
    const span = seconds - first.seconds;
    return span < 10 ? overall : ((settled - first.settled) / span) * 60;
  };
}

function percent(share) {
  // 99.96 % is not "100 %".
  const value = share === 1 ? '100' : Math.min(99.9, share * 100).toFixed(share > 0.1 && share < 0.99 ? 0 : 1);
  return `${value} %`;
}
