const { element } = globalThis.proofsheet;

/** Where the page's own content goes. */
export const content = document.getElementById('content');

export function button(text, onclick, { kind = '', ...properties } = {}) {
  return element('button', { type: 'button', class: `button ${kind}`, onclick, ...properties }, text);
}

/** Says something in passing, also to those who do not see it. */
export function toast(text) {
  const place = document.getElementById('toast');
  const said = element('p', {}, text);
  place.replaceChildren(said);
  setTimeout(() => said.remove(), 6000);
}

/** A failure in place of content, with a way on. */
export function failure(error, retry) {
  const problems =
    error.problems?.length > 1
      ? element(
          'ul',
          {},
          error.problems.map((one) => element('li', {}, one)),
        )
      : '';
  return element(
    'div',
    { class: 'failure', role: 'alert' },
    element('p', {}, error.message),
    problems,
    retry ? button('Try again', retry) : '',
  );
}

/** Asks before something that cannot be taken back. Resolves with what was chosen; with a `field`, with its value. */
export function confirmed({ title, text, yes, field, kind = 'primary' }) {
  return new Promise((resolve) => {
    const dialog = element('dialog', { class: 'question', 'aria-labelledby': 'question-title' });
    const close = (answer) => () => dialog.close(answer);
    dialog.append(
      element('h2', { id: 'question-title' }, title),
      element('p', {}, text),
      field ? element('label', { class: 'question-field' }, field.label, field.input) : '',
      element('p', { class: 'actions' }, button('Leave it', close('')), button(yes, close('yes'), { kind })),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      const isYes = dialog.returnValue === 'yes';
      resolve(field && isYes ? field.input.value : isYes);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Does something while a button is off; what goes wrong is said in passing. */
export async function busy(pressed, work) {
  pressed.disabled = true;
  try {
    return await work();
  } catch (error) {
    toast(error.message);
    return undefined;
  } finally {
    pressed.disabled = false;
  }
}

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** `5 minutes ago`, with the exact time behind it. */
export function timeAgo(iso, now = Date.now()) {
  const seconds = (Date.parse(iso) - now) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  const text = unit === 'second' ? 'just now' : RELATIVE.format(Math.round(seconds / size), unit);
  return element('time', { datetime: iso, title: new Date(iso).toLocaleString('en') }, text);
}

export function number(value) {
  return value.toLocaleString('en');
}

document.getElementById('sign-out')?.addEventListener('click', async () => {
  await fetch('/api/session', { method: 'DELETE' });
  location.assign('/');
});
