const { element, dollars, duration, words } = globalThis.proofsheet;

/** Every call of an item with what was asked and answered, and what is being done now. */
export function journalOf({ journal, doing }) {
  if (journal.length === 0 && doing === null) return [];
  const steps = journal.map((step) =>
    element(
      'li',
      {},
      element(
        'details',
        {},
        element('summary', {}, element('b', {}, step.key), ' ', factsOf(step)),
        part('Instruction', step.system),
        part('Asked', step.prompt),
        part(step.code === null ? 'Answered' : words(step.code), step.answer ?? step.message),
      ),
    ),
  );
  const now = doing === null ? '' : element('p', { class: 'quiet' }, `Now: ${doing.step}, attempt ${doing.attempt}.`);
  return [
    element(
      'section',
      { class: 'viewer-section' },
      element('h3', {}, 'Journal'),
      now,
      element('ol', { class: 'journal' }, steps),
    ),
  ];
}

function factsOf(step) {
  const files = step.files === 0 ? '' : `${step.files} ${step.files === 1 ? 'file' : 'files'}`;
  const cost = step.adopted ? 'taken over' : dollars(step.cost_usd);
  const failed = step.code === null ? '' : words(step.code);
  const facts = [step.model, files, duration(step.took_ms / 1000), cost, failed].filter(Boolean);
  return element('span', { class: 'quiet' }, facts.join(' · '));
}

function part(title, text) {
  if (!text) return '';
  return [element('h4', {}, title), element('p', { class: 'text' }, text)];
}
