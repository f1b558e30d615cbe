const { element } = globalThis.proofsheet;
const LANES = {
  standard: 'Standard: at once',
  flex: 'Flex: half the price, may wait',
  batch: 'Batch: half the price, within a day',
};
const ARCHIVES = { none: 'No', zip: 'ZIP', tar: 'TAR' };
const USD = { type: 'number', min: '0', step: '0.01' };

/** Name, lane, limits and the like of a batch, as far as this server knows them by its own description. */
export function aboutFields(known) {
  const name = element('input', { id: 'name', maxlength: '200', placeholder: 'named after the folder' });
  const limit = element('input', { id: 'limit', type: 'number', min: '1', step: '1', placeholder: 'all' });
  const lane = choice('lane', known.lane?.enum ?? [], LANES);
  const archive = choice('archive', known.archive_format?.enum ?? [], ARCHIVES);
  archive.value = 'none';
  const spend = element('input', { id: 'spend', ...USD, placeholder: 'no ceiling' });
  const assumed = element('input', { id: 'assumed', ...USD, placeholder: 'then nothing is started' });
  const optimize = element('input', { id: 'optimize', type: 'number', min: '1', step: '1', placeholder: 'none' });
  const force = element('input', { id: 'force', type: 'checkbox' });
  const node = element(
    'div',
    { class: 'fields' },
    field('Name', name),
    field('Only the first so many', limit),
    known.lane && field('Lane', lane),
    known.max_spend_usd && field('Spend at most, in US dollars', spend),
    known.assume_price_usd && field('Price of a call where it is unknown', assumed),
    known.optimization_calls && field('Calls to find a better prompt', optimize),
    known.archive_format && field('All results in one file', archive),
    element('label', { class: 'check' }, force, ' Also what was done before; it is paid again'),
  );
  const numberIn = (input, key) => (input.value === '' ? {} : { [key]: Number(input.value) });
  return {
    node,
    value: () => ({
      ...(name.value.trim() && { name: name.value.trim() }),
      ...numberIn(limit, 'limit'),
      ...numberIn(spend, 'max_spend_usd'),
      ...numberIn(assumed, 'assume_price_usd'),
      ...numberIn(optimize, 'optimization_calls'),
      ...(known.lane && { lane: lane.value }),
      ...(archive.value && archive.value !== 'none' && { archive_format: archive.value }),
      ...(force.checked && { force: true }),
    }),
  };
}

function choice(id, values, labels) {
  const options = values.map((value) => element('option', { value }, labels[value] ?? value));
  return element('select', { id }, options);
}

function field(label, input) {
  return element('div', { class: 'field' }, element('label', { for: input.id }, label), input);
}
