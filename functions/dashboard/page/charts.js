import { number } from './widgets.js';

const { element, words, createCharts, panel } = globalThis.proofsheet;
const REASONS = 8;

/** The charts of a batch under way, those of the report and the reasons. */
export function charts(batch) {
  const { threshold, outputType } = batch.settings;
  const isJudged = batch.recipe === 'fidelity' || (outputType === 'image' && threshold !== undefined);
  const shared = createCharts({ threshold, startedAt: Date.parse(batch.created_at), isJudged });
  const reasons = panel('Reasons');
  return {
    section: element('section', { class: 'panels', 'aria-label': 'Charts' }, shared.nodes, reasons.node),
    draw(rows) {
      shared.draw(rows);
      reasons.draw(reasonsTable(rows), 'Every item so far has passed.');
    },
  };
}

/** Why items did not pass; each reason filters the list. */
function reasonsTable(rows) {
  const counts = new Map();
  for (const { code } of rows) if (code !== '') counts.set(code, (counts.get(code) ?? 0) + 1);
  if (counts.size === 0) return undefined;
  const lines = [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, REASONS)
    .map(([code, count]) => {
      const pressed = String(document.getElementById('reason').value === code);
      const filter = element(
        'button',
        { type: 'button', class: 'link', dataset: { reason: code }, 'aria-pressed': pressed },
        words(code),
      );
      return element('tr', {}, element('td', {}, filter), element('td', { class: 'number' }, number(count)));
    });
  return element('div', { class: 'reasons' }, element('table', {}, element('tbody', {}, lines)));
}
