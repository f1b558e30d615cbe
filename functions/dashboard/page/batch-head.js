import { batchActions } from './batch-actions.js';
import { timeAgo } from './widgets.js';

const { element, chip } = globalThis.proofsheet;
const LOST = 'The connection is lost; trying again …';

/** Name and state of a batch, what can be done with it, and what is to be said of it. */
export function batchHead(batch, { reload }) {
  const state = element('span', { class: 'title' });
  const actions = element('p', { class: 'actions' });
  const about = element('p', { class: 'about' });
  const lost = element('p', { class: 'notice lost', role: 'status', hidden: true }, LOST);
  const notices = element('div');
  const name = element('h1', {}, element('bdi', {}, batch.name));
  const title = element('div', { class: 'title' }, name, state);
  const header = element('header', { class: 'masthead' }, title, about, actions, lost, notices);
  const actionsOf = batchActions(batch.batch_id, reload);
  const shown = { now: batch, isReviewed: false, actions: '' };
  function draw(now) {
    shown.now = now;
    state.replaceChildren(...chipsOf(now));
    about.replaceChildren(
      element('span', {}, `${now.recipe} recipe`),
      element('span', {}, `${now.lane} lane`),
      element('span', {}, 'started ', timeAgo(now.created_at)),
      element('span', {}, 'batch ', element('code', {}, now.batch_id)),
    );
    notices.replaceChildren(...noticesOf(now, batch));
    drawActions();
  }
  /** Only when they change, so that a button does not go away under a hand. */
  function drawActions() {
    const { now, isReviewed } = shown;
    const { failed, error } = now.counts;
    const wanted = JSON.stringify([now.state, now.cancel_requested, now.report, failed, error, isReviewed]);
    if (wanted === shown.actions) return;
    shown.actions = wanted;
    actions.replaceChildren(...actionsOf(now, isReviewed));
  }
  return {
    ...{ header, draw },
    connected(yes) {
      lost.hidden = yes;
    },
    /** The report's files do not show what was said since. */
    reviewed() {
      shown.isReviewed = true;
      drawActions();
    },
  };
}

function chipsOf({ state, cancel_requested: cancelling, simulated }) {
  const mark = element('strong', { class: 'simulated' }, 'Simulated');
  return [chip(cancelling && state === 'running' ? 'cancelling' : state), ...(simulated ? [mark] : [])];
}

function noticesOf({ paused, cancel_reason: reason, state, simulated }, { ignored }) {
  const left = Object.entries(ignored).map(([why, count]) => `${count} ${why.replaceAll('_', ' ')}`);
  const said = [
    paused && `Paused: ${paused.message}`,
    state === 'cancelled' && reason,
    simulated && 'No real model is called: pictures, scores and costs come from the built-in simulated model.',
    left.length > 0 && `Files left aside: ${left.join(', ')}.`,
  ];
  return said.filter(Boolean).map((text) => element('p', { class: 'notice' }, text));
}
