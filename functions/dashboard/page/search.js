import { ask } from './api.js';
import { busy, button, content, failure, number } from './widgets.js';

const { element, picture } = globalThis.proofsheet;
/** Encoders look at few pixels; a larger copy only takes longer to send. */
const LONGEST = 768;
const MOST = 24;
const BUILT_IN = /^simulated-/;

const place = element('div', { class: 'hits', 'aria-live': 'polite' });
const preview = element('div', { class: 'asked' });
const fileInput = element('input', { type: 'file', id: 'picture', accept: 'image/*' });
const words = element('input', { id: 'words', type: 'search', placeholder: 'red leather bag' });
const weight = element('input', { id: 'weight', type: 'range', min: '0', max: '1', step: '0.05' });
const weightText = element('output', { for: 'weight' });
const filters = {
  category: element('input', { id: 'category', placeholder: 'bags' }),
  brand: element('input', { id: 'brand' }),
  source: element(
    'select',
    { id: 'source' },
    [
      ['', 'all'],
      ['references', 'references'],
      ['scraped', 'scraped'],
    ].map(([value, text]) => element('option', { value }, text)),
  ),
};
const threshold = element('input', {
  id: 'threshold',
  type: 'number',
  min: '0',
  max: '1',
  step: '0.005',
  value: '0.98',
});
/** What is searched by now, and how many searches there were. */
let by;
let turns = 0;

content.replaceChildren(element('header', { class: 'page-head' }, element('h1', {}, 'Search')));
try {
  const collection = await ask('/api/collection');
  if (collection.entries === 0) content.append(emptyState(collection));
  else showForm(collection);
} catch (error) {
  content.append(failure(error, () => location.reload()));
}

function emptyState({ collection }) {
  return element(
    'div',
    { class: 'empty' },
    element('p', {}, `The collection ${collection} has no pictures yet.`),
    element(
      'p',
      {},
      'Embed some: start a batch with the recipe embed, or run ',
      element('code', {}, 'proofsheet embed'),
      '.',
    ),
    element('a', { class: 'button primary', href: '/start' }, 'Start a batch'),
  );
}

function showForm({ collection, entries, semantic, visual, weights }) {
  weight.value = String(weights.semantic / (weights.semantic + weights.visual));
  showWeight();
  const find = button('Find words', undefined, { type: 'submit' });
  const duplicates = button('Find near duplicates', () => busy(duplicates, showDuplicates));
  const form = element(
    'form',
    { class: 'card part search-form', novalidate: true },
    element(
      'div',
      { class: 'drop', id: 'drop' },
      element('label', { for: 'picture' }, 'Drop a picture here, or choose one'),
      fileInput,
      preview,
    ),
    element(
      'div',
      { class: 'fields' },
      field('Words', words, find),
      field('Category', filters.category),
      field('Brand', filters.brand),
      field('Source', filters.source),
      field('What it is, against what it looks like', weight, weightText),
      field('Least score of near duplicates', threshold, duplicates),
    ),
    element(
      'p',
      { class: 'quiet small' },
      `${number(entries)} pictures in ${collection}, by ${semantic} and ${visual}.`,
      BUILT_IN.test(semantic) ? ' Simulated: these measure colours and shapes, and know no words.' : '',
    ),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = words.value.trim();
    if (text !== '') void busy(find, () => search({ text }));
  });
  fileInput.addEventListener('change', () => fileInput.files[0] && searchByFile(fileInput.files[0]));
  takeDrops(form.querySelector('#drop'));
  for (const one of [...Object.values(filters), weight]) one.addEventListener('change', () => by && search(by));
  weight.addEventListener('input', showWeight);
  content.append(form, place);
}

function field(text, input, ...more) {
  return element('div', { class: 'field' }, element('label', { for: input.id }, text), input, ...more);
}

function showWeight() {
  const share = Number(weight.value);
  weightText.textContent = `${share.toFixed(2)} semantic, ${(1 - share).toFixed(2)} visual`;
}

function takeDrops(target) {
  for (const kind of ['dragover', 'dragleave', 'drop']) {
    target.addEventListener(kind, (event) => {
      event.preventDefault();
      target.classList.toggle('over', kind === 'dragover');
      const file = kind === 'drop' && event.dataTransfer.files[0];
      if (file) void searchByFile(file);
    });
  }
}

async function searchByFile(file) {
  try {
    const small = await smallCopy(file);
    const address = URL.createObjectURL(small);
    preview.replaceChildren(element('img', { src: address, alt: `Searched by ${file.name}` }));
    await search({ picture: await base64Of(small) });
  } catch {
    place.replaceChildren(failure({ message: `${file.name} is no picture that this browser can read.` }));
  }
}

async function smallCopy(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = element('canvas', {});
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext('2d');
  // Transparency goes onto white, as everywhere.
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.92));
}

function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(',')[1]);
    reader.onerror = reject;
    reader.readAsDataURL(blob);
  });
}

async function search(what) {
  by = what;
  turns += 1;
  const turn = turns;
  const share = Number(weight.value);
  const filter = Object.fromEntries(
    Object.entries(filters).flatMap(([name, { value }]) => (value.trim() ? [[name, value.trim()]] : [])),
  );
  const body = { ...what, top: MOST, filter, weights: { semantic: share, visual: Number((1 - share).toFixed(2)) } };
  place.setAttribute('aria-busy', 'true');
  try {
    const { hits } = await ask('/api/search', { method: 'POST', body });
    if (turn === turns) place.replaceChildren(hits.length === 0 ? nothing('Nothing fits the filter.') : grid(hits));
  } catch (error) {
    if (turn === turns) place.replaceChildren(failure(error));
  }
  if (turn === turns) place.removeAttribute('aria-busy');
}

async function showDuplicates() {
  by = undefined;
  turns += 1;
  const turn = turns;
  place.replaceChildren(nothing('Comparing every picture with all others …'));
  try {
    const { groups } = await ask(`/api/search/duplicates?${new URLSearchParams({ threshold: threshold.value })}`);
    if (turn !== turns) return;
    if (groups.length === 0)
      place.replaceChildren(nothing(`No two pictures have a score of ${threshold.value} or more.`));
    else place.replaceChildren(...groups.map(groupSection));
  } catch (error) {
    if (turn === turns) place.replaceChildren(failure(error));
  }
}

function groupSection({ highest, lowest, entries }, index) {
  const scores = `${lowest.toFixed(3)} to ${highest.toFixed(3)}`;
  return element(
    'section',
    { class: 'group' },
    element(
      'h2',
      {},
      `Group ${index + 1}`,
      element('span', { class: 'quiet small' }, ` ${entries.length} pictures, ${scores}`),
    ),
    grid(entries),
  );
}

function nothing(text) {
  return element('p', { class: 'empty' }, text);
}

function grid(entries) {
  return element('ol', { class: 'neighbours' }, entries.map(card));
}

function card(hit) {
  const like = button('Search by this', () => {
    preview.replaceChildren(pictureOf(hit, `Searched by ${hit.title}`));
    void search({ like: hit.id });
  });
  const facts = [
    hit.sku,
    hit.price === null ? '' : `${hit.price} ${hit.currency}`,
    hit.brand,
    hit.categories.join(', '),
  ];
  return element(
    'li',
    { class: 'card neighbour' },
    pictureOf(hit, hit.title),
    element('b', { class: 'neighbour-title', title: hit.path }, hit.title),
    hit.score === undefined ? '' : scores(hit),
    element('span', { class: 'quiet small' }, facts.filter(Boolean).join(' · ') || hit.source),
    like,
  );
}

/** The file may be gone, or hold something else by now. */
function pictureOf(hit, description) {
  const shown = picture(hit.picture, description);
  shown.addEventListener('error', () => shown.replaceWith(picture('')));
  return shown;
}

function scores({ score, semantic, visual }) {
  const part = (value) => value?.toFixed(2) ?? 'not asked';
  return element(
    'span',
    { class: 'neighbour-scores' },
    element('b', {}, score.toFixed(3)),
    element('span', { class: 'small quiet' }, ` semantic ${part(semantic)}, visual ${part(visual)}`),
  );
}
