import { ask } from './api.js';
import { content } from './widgets.js';

const { element } = globalThis.proofsheet;

const wrong = element('p', { class: 'wrong', role: 'alert', id: 'wrong' });
const token = element('input', {
  ...{ id: 'token', name: 'token', type: 'password', autocomplete: 'current-password', required: true },
  'aria-describedby': 'wrong',
});
const form = element(
  'form',
  { class: 'card sign-in' },
  element('h1', {}, 'Sign in'),
  element('p', { class: 'quiet' }, 'This server asks for the token that is set as API_TOKEN.'),
  element('label', { for: 'token' }, 'Token'),
  token,
  wrong,
  element('button', { type: 'submit', class: 'button primary' }, 'Sign in'),
);
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  wrong.textContent = '';
  try {
    await ask('/api/session', { method: 'POST', body: { token: token.value } });
    location.reload();
  } catch (error) {
    wrong.textContent = error.message;
    token.select();
  }
});
content.replaceChildren(form);
token.focus();
