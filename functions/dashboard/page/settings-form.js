const { element } = globalThis.proofsheet;
const ABOUT = {
  fidelity: 'Describes every picture, generates it anew from the description, and scores how true the new one is.',
  prompt: 'Asks your prompt about every file: a text, JSON, or a new picture.',
  analyze: 'Reads every product picture into structured data.',
  embed: 'Makes every picture findable by what it shows.',
};
const LABELS = {
  prompt: 'Prompt',
  outputType: 'What comes out',
  threshold: 'Passing score, 0 to 1',
  maxAttempts: 'Attempts at most',
  aspectRatio: 'Aspect ratio, such as 1:1',
  textModel: 'Model for texts',
  imageModel: 'Model for pictures',
  judgeModel: 'Model that judges',
  schema: 'JSON Schema',
};
/** What most people set; the rest is folded away. */
const FIRST = ['outputType', 'prompt', 'threshold', 'maxAttempts', 'schema'];

/** Choice of a recipe and a field for each of its settings, made from its JSON Schema. */
export function settingsForm(recipes, changed) {
  const select = element(
    'select',
    { id: 'recipe' },
    recipes.map(({ name }) => element('option', { value: name }, name)),
  );
  const about = element('p', { class: 'quiet small', id: 'recipe-about' });
  const place = element('div', { class: 'settings' });
  select.setAttribute('aria-describedby', 'recipe-about');
  let fields = [];
  const given = new Map();

  function draw() {
    const { settings } = recipes.find(({ name }) => name === select.value);
    about.textContent = ABOUT[select.value] ?? '';
    const { properties, required = [] } = variantOf(settings, given.get('outputType'));
    fields = Object.entries(properties).map(([name, schema]) =>
      fieldOf(name, schema, { given, isNeeded: required.includes(name) }),
    );
    const order = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
    fields.sort((a, b) => order(a) - order(b));
    const [main, rest] = [fields.filter(isFirst), fields.filter((one) => !isFirst(one))];
    place.replaceChildren(
      element(
        'div',
        { class: 'fields' },
        main.map(({ node }) => node),
      ),
    );
    if (rest.length > 0) place.append(folded(rest));
  }
  place.addEventListener('input', ({ target }) => given.set(target.dataset.setting, target.value));
  place.addEventListener('change', ({ target }) => {
    if (target.dataset.setting !== 'outputType') return;
    draw();
    place.querySelector('[data-setting="outputType"]').focus();
    changed();
  });
  select.addEventListener('change', () => {
    draw();
    changed();
  });
  draw();
  return {
    node: [element('label', { for: 'recipe' }, 'What is done with every picture'), select, about, place],
    value: () => ({ recipe: select.value, settings: Object.fromEntries(fields.flatMap(({ entry }) => entry())) }),
  };
}

function isFirst({ name }) {
  return FIRST.includes(name);
}

function folded(fields) {
  const inner = element(
    'div',
    { class: 'fields' },
    fields.map(({ node }) => node),
  );
  return element('details', {}, element('summary', {}, 'Models and more'), inner);
}

/** The variant that was chosen, where there are several; then what tells them apart is a choice. */
function variantOf(schema, wanted) {
  const variants = schema.oneOf ?? schema.anyOf;
  if (!variants) return { properties: {}, ...schema };
  const kinds = variants.map(({ properties }) => properties.outputType?.const);
  const chosen = variants[Math.max(0, kinds.indexOf(wanted))];
  const outputType = { enum: kinds, default: kinds[0] };
  return { ...chosen, properties: { ...chosen.properties, outputType } };
}

function fieldOf(name, schema, { given, isNeeded }) {
  const id = `setting-${name}`;
  const input = inputFor(name, schema, id, isNeeded);
  input.dataset.setting = name;
  const before = given.get(name);
  if (before !== undefined) input.value = before;
  const label = element('label', { for: id }, LABELS[name] ?? inWords(name));
  const wide = input.matches('textarea') ? 'field wide' : 'field';
  return { name, node: element('div', { class: wide }, label, input), entry: () => entryOf(name, schema, input) };
}

function inputFor(name, schema, id, isNeeded) {
  const hint = schema.default === undefined ? (isNeeded ? '' : 'optional') : String(schema.default);
  if (schema.enum) {
    const options = schema.enum.map((value) => element('option', { value }, value.replaceAll('_', ' ')));
    const select = element('select', { id }, options);
    select.value = schema.default ?? schema.enum[0];
    return select;
  }
  if (schema.type === 'boolean') {
    const [yes, no] = [element('option', { value: 'true' }, 'yes'), element('option', { value: 'false' }, 'no')];
    const select = element('select', { id }, no, yes);
    select.value = String(schema.default ?? false);
    return select;
  }
  if (schema.type === 'object' || schema.type === 'array')
    return element('textarea', { id, rows: '4', placeholder: 'JSON; left empty: built in' });
  if (schema.type === 'number' || schema.type === 'integer') {
    const step = schema.type === 'integer' ? '1' : 'any';
    return element('input', { id, type: 'number', step, min: schema.minimum, max: schema.maximum, placeholder: hint });
  }
  if (name === 'prompt') return element('textarea', { id, rows: '4', maxlength: schema.maxLength, placeholder: hint });
  return element('input', { id, placeholder: hint });
}

/** An entry of the settings; none for what was left to its default. */
function entryOf(name, schema, input) {
  const text = input.value.trim();
  if (text === '') return [];
  if (schema.type === 'boolean') return [[name, text === 'true']];
  if (schema.type === 'number' || schema.type === 'integer') return [[name, Number(text)]];
  if (schema.type !== 'object' && schema.type !== 'array') return [[name, text]];
  try {
    return [[name, JSON.parse(text)]];
  } catch {
    // The server says what is wrong with it.
    return [[name, text]];
  }
}

/** `maxAttempts` as `Max attempts`. */
function inWords(name) {
  const words = name.replaceAll(/([A-Z])/g, ' $1').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
