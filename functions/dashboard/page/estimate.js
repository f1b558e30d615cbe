import { number } from './widgets.js';

const { element, words } = globalThis.proofsheet;
const SHOWN_REFUSALS = 20;

/** What a start would do, before anything is spent. */
export function estimateView(plan) {
  const { items, complete, calls, models, unpriced, refused, ignored, simulated } = plan;
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
