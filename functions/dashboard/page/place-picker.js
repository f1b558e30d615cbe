import { ask } from './api.js';
import { button, number } from './widgets.js';

const { element, icon } = globalThis.proofsheet;
const FOLDER = 'M1.5 4.5v8h13v-6.5H8L6.5 4.5z';
const UP = 'M8 13V3.5M4 7l4-4 4 4';
const TYPING_MS = 400;

/** Chooses a folder, or single files in it. What is typed counts also where it cannot be listed, as a pattern. */
export function placePicker(changed) {
  const input = element('input', {
    id: 'place',
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': 'place-help',
  });
  const view = element('div', { class: 'places' });
  const said = element('p', { class: 'quiet', role: 'status' });
  const picked = new Set();
  let [shown, timer] = [undefined, undefined];

  async function open(place) {
    clearTimeout(timer);
    picked.clear();
    if (place !== undefined) input.value = place;
    try {
      const query = place === undefined ? '' : `?${new URLSearchParams({ place })}`;
      shown = await ask(`/api/places${query}`);
      // With one root there is nothing to choose among.
      if (place === undefined && shown.folders.length === 1) return await open(shown.folders[0].place);
      view.replaceChildren(...contents(shown, open, pick));
      tell();
    } catch (error) {
      shown = undefined;
      view.replaceChildren();
      said.textContent = error.message;
    }
    changed();
  }
  function pick(place, yes) {
    if (yes) picked.add(place);
    else picked.delete(place);
    tell();
    changed();
  }
  function tell() {
    const { place, files } = shown;
    if (place === null) said.textContent = 'Choose a folder.';
    else if (picked.size > 0) said.textContent = `${number(picked.size)} of ${number(files.length)} files picked.`;
    else said.textContent = 'Everything in this folder and below it.';
  }
  input.addEventListener('input', () => {
    clearTimeout(timer);
    const typed = input.value.trim();
    timer = setTimeout(() => (typed === '' ? open() : look(typed)), TYPING_MS);
  });
  /** As `open`, but what is typed stays as it is. */
  async function look(typed) {
    await open(typed);
    if (document.activeElement === input) input.value = typed;
  }

  return {
    node: [
      element('label', { for: 'place' }, 'Folder, prefix or pattern'),
      input,
      element(
        'p',
        { class: 'quiet small', id: 'place-help' },
        'A folder such as photos/autumn, a pattern such as photos/*.jpg, or gs://bucket/folder/.',
      ),
      view,
      said,
    ],
    open: () => open(),
    value: () => (picked.size > 0 ? { image_uris: [...picked] } : { prefix: input.value.trim() || undefined }),
  };
}

function contents({ parent, folders, files, more }, open, pick) {
  const up = parent === null ? [] : [folderButton(UP, 'One folder up', () => open(parent))];
  const inner = folders.map(({ place, name }) => folderButton(FOLDER, name, () => open(place)));
  const all = [...up, ...inner].map((made) => element('li', {}, made));
  const lines = files.map((file) => element('li', {}, fileLine(file, pick)));
  const size = files.length + folders.length;
  return [
    size === 0 ? element('p', { class: 'quiet' }, 'Nothing is in here.') : '',
    element('ul', { class: 'place-list', 'aria-label': 'Folders and files', tabindex: '0' }, all, lines),
    more ? element('p', { class: 'quiet small' }, 'There is more than is shown; name it above.') : '',
  ].filter(Boolean);
}

function folderButton(path, name, onclick) {
  const made = button('', onclick, { kind: 'place' });
  made.append(icon(path), element('bdi', {}, name));
  return made;
}

function fileLine({ place, name, bytes }, pick) {
  const box = element('input', { type: 'checkbox', onchange: ({ target }) => pick(place, target.checked) });
  return element(
    'label',
    { class: 'place' },
    box,
    element('bdi', {}, name),
    element('span', { class: 'quiet' }, sizeOf(bytes)),
  );
}

function sizeOf(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
