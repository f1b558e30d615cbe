import { number } from './widgets.js';

const { element, words, dollars } = globalThis.proofsheet;
const SHOWN_REFUSALS = 20;

/** What a start would do, before anything is spent. */
export function estimateView(plan, lane) {
  const { items, complete, calls, models, unpriced, refused, ignored, simulated, lanes = [], choice } = plan;
  const left = Object.entries(ignored);
  return element(
    'div',
    {},
    element(
      'p',
      { class: 'figure' },
      element('b', {}, number(items)),
      ' ',
      element('span', {}, items === 1 ? 'item' : 'items'),
    ),
    complete ? '' : element('p', { class: 'quiet' }, 'These are the first; there are more.'),
    element(
      'dl',
      { class: 'facts' },
      fact(
        'Model calls',
        calls.least === calls.most ? number(calls.most) : `${number(calls.least)} to ${number(calls.most)}`,
      ),
      fact('Models', models.join(', ')),
    ),
    items > 0 && lanes.length > 0 ? lanesTable(lanes, lane) : '',
    items > 0 && choice ? element('p', { class: 'quiet small' }, choice.reason) : '',
    items > 0 && plan.based_on !== undefined ? element('p', { class: 'quiet small' }, basis(plan.based_on)) : '',
    simulated ? element('p', { class: 'notice' }, 'Simulated: no real model is called and nothing is paid.') : '',
    unpriced.length === 0
      ? ''
      : element(
          'p',
          { class: 'notice lost' },
          `The price of ${unpriced.join(', ')} is not known; what it costs is not counted.`,
        ),
    refused.length === 0 ? '' : refusals(refused),
    left.length === 0
      ? ''
      : element(
          'p',
          { class: 'quiet small' },
          `Left aside: ${left.map(([why, count]) => `${number(count)} ${words(why)}`).join(', ')}.`,
        ),
    items === 0
      ? element('p', { class: 'notice lost' }, 'There is nothing to work on here; choose another folder.')
      : '',
  );
}

/** What it costs and takes in each lane, the likely figure first. */
function lanesTable(lanes, chosen) {
  const heads = ['Lane', 'Cost', 'Time'].map((name) => element('th', { scope: 'col' }, name));
  const rows = lanes.map(({ lane, usd, seconds }) =>
    element(
      'tr',
      { class: lane === chosen ? 'chosen' : '' },
      element('th', { scope: 'row' }, lane, lane === chosen ? element('span', { class: 'hidden' }, ' (chosen)') : ''),
      element('td', {}, usd === null ? 'unknown' : inRange(usd, money)),
      element('td', {}, inRange(seconds, time)),
    ),
  );
  const body = [element('thead', {}, element('tr', {}, heads)), element('tbody', {}, rows)];
  return element('table', { class: 'lanes' }, body);
}

function inRange({ low, likely, high }, write) {
  const small = low === high ? '' : element('small', {}, `${write(low)} to ${write(high)}`);
  return [element('b', {}, write(likely)), small];
}

/** An estimate is no truer for more digits. */
function money(usd) {
  return usd >= 0.1 ? `$${usd.toFixed(2)}` : dollars(usd);
}

function time(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${number(Math.round(seconds / 3600))} h`;
}

function basis(items) {
  return items === 0 ? 'From typical values.' : `From ${number(items)} items of an earlier batch.`;
}

function refusals(refused) {
  const lines = refused
    .slice(0, SHOWN_REFUSALS)
    .map(({ source, message }) => element('li', {}, element('bdi', {}, message || source)));
  const count = `${number(refused.length)} ${refused.length === 1 ? 'file' : 'files'} cannot be taken`;
  return element('details', {}, element('summary', {}, count), element('ul', { class: 'refusals' }, lines));
}

function fact(name, value) {
  return [element('dt', {}, name), element('dd', {}, value)];
}
