/** The charts of a batch, in step 4. */
export function charts() {
  const { element } = globalThis.proofsheet;
  return { section: element('section', { class: 'panels', 'aria-label': 'Charts' }), draw: () => undefined };
}
