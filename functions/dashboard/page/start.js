import { aboutFields } from './about-fields.js';
import { ask } from './api.js';
import { estimateView } from './estimate.js';
import { placePicker } from './place-picker.js';
import { settingsForm } from './settings-form.js';
import { busy, button, content, failure, toast } from './widgets.js';

const { element } = globalThis.proofsheet;

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
      place.replaceChildren(estimateView(plan, about.value().lane));
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
