import { ask } from './api.js';
import { estimateView } from './estimate.js';
import { placePicker } from './place-picker.js';
import { settingsForm } from './settings-form.js';
import { busy, button, content, failure, toast } from './widgets.js';

const { element } = globalThis.proofsheet;
const LANES = {
  standard: 'Standard: at once',
  flex: 'Flex: half the price, may wait',
  batch: 'Batch: half the price, within a day',
};

content.replaceChildren(element('header', { class: 'page-head' }, element('h1', {}, 'Start a batch')));
try {
  const [{ recipes }, described] = await Promise.all([ask('/api/recipes'), ask('/openapi.json')]);
  await showForm(recipes, startFields(described));
} catch (error) {
  content.append(failure(error, () => location.reload()));
}

/** What a start of this server takes, by its own description. */
function startFields({ paths, components }) {
  const { schema } = paths['/api/batch/start'].post.requestBody.content['application/json'];
  const named = schema.$ref && components.schemas[schema.$ref.split('/').at(-1)];
  return (named ?? schema).properties;
}

async function showForm(recipes, fields) {
  const picker = placePicker(changed);
  const settings = settingsForm(recipes, changed);
  const about = aboutFields(fields);
  const place = element('div', { class: 'estimate', 'aria-live': 'polite' });
  const look = button('Estimate', () => busy(look, estimate), { kind: 'primary' });
  const start = button('Start', () => busy(start, begin), { disabled: true });
  const form = element(
    'form',
    { class: 'start', novalidate: true },
    element(
      'div',
      { class: 'start-parts' },
      part('Pictures', picker.node),
      part('Recipe', settings.node),
      part('Batch', about.node),
    ),
    element(
      'aside',
      { class: 'card start-side', 'aria-labelledby': 'before' },
      element('h2', { id: 'before' }, 'Before it starts'),
      place,
      element('p', { class: 'actions' }, look, start),
    ),
  );
  form.addEventListener('input', changed);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    (start.disabled ? look : start).click();
  });
  const body = () => ({ ...picker.value(), ...settings.value(), ...about.value() });
  let asked = 0;

  /** What was estimated no longer holds. */
  function changed() {
    asked += 1;
    start.disabled = true;
    mark(look, start);
    place.replaceChildren(
      element(
        'p',
        { class: 'quiet' },
        'An estimate reads the pictures and calls no model. It is needed before a start.',
      ),
    );
  }
  async function estimate() {
    asked += 1;
    const turn = asked;
    place.replaceChildren(element('p', { class: 'quiet', 'aria-busy': 'true' }, 'Reading the pictures …'));
    try {
      const plan = await ask('/api/batch/estimate', { method: 'POST', body: body() });
      if (turn !== asked) return;
      place.replaceChildren(estimateView(plan));
      start.disabled = plan.items === 0;
      mark(start.disabled ? look : start, start.disabled ? start : look);
    } catch (error) {
      if (turn === asked) place.replaceChildren(failure(error));
    }
  }
  async function begin() {
    try {
      const { batch_id: id } = await ask('/api/batch/start', { method: 'POST', body: body() });
      location.assign(`/batches/${encodeURIComponent(id)}`);
    } catch (error) {
      const running =
        error.batchId && element('a', { href: `/batches/${encodeURIComponent(error.batchId)}` }, 'Open it');
      place.replaceChildren(failure(error), running || '');
      toast('The batch was not started.');
    }
  }
  changed();
  content.append(form);
  await picker.open();
}

function mark(first, second) {
  first.classList.add('primary');
  second.classList.remove('primary');
}

function part(title, body) {
  return element('section', { class: 'card part' }, element('h2', {}, title), body);
}

/** Name, lane and limits, as far as this server knows them. */
function aboutFields(fields) {
  const name = element('input', { id: 'name', maxlength: '200', placeholder: 'named after the folder' });
  const limit = element('input', { id: 'limit', type: 'number', min: '1', step: '1', placeholder: 'all' });
  const spend = element('input', { id: 'spend', type: 'number', min: '0', step: '0.01', placeholder: 'none' });
  const again = element('input', { id: 'force', type: 'checkbox' });
  const lanes = fields.lane?.enum ?? [];
  const lane = element(
    'select',
    { id: 'lane' },
    lanes.map((value) => element('option', { value }, LANES[value] ?? value)),
  );
  const node = element(
    'div',
    { class: 'fields' },
    field('Name', name),
    field('Only the first so many', limit),
    lanes.length > 1 ? field('Lane', lane) : '',
    fields.max_spend_usd ? field('Spend at most (US dollars)', spend) : '',
    element('label', { class: 'check' }, again, ' Also what was done before; it is paid again'),
  );
  return {
    node,
    value: () => ({
      ...(name.value.trim() && { name: name.value.trim() }),
      ...(limit.value && { limit: Number(limit.value) }),
      ...(lanes.length > 1 && { lane: lane.value }),
      ...(spend.value && { max_spend_usd: Number(spend.value) }),
      ...(again.checked && { force: true }),
    }),
  };
}

function field(label, input) {
  return element('div', { class: 'field' }, element('label', { for: input.id }, label), input);
}
