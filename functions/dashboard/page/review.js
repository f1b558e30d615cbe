import { ask } from './api.js';
import { isOpen } from './rows.js';
import { toast } from './widgets.js';

const { element } = globalThis.proofsheet;
const KEYS = { a: 'approved', r: 'rejected' };
const LABELS = { approved: 'Approve', rejected: 'Reject' };

/** What a person says of items, with the pointer or by keys: A approves, R rejects, N writes a note. */
export function reviewing(path, changed) {
  async function say(row, said) {
    try {
      const url = `${path}/items/${encodeURIComponent(row.id)}/review`;
      const { review } = await ask(url, { method: 'POST', body: said });
      changed(row.id, review);
      return true;
    } catch (error) {
      toast(error.message);
      return false;
    }
  }

  /** The same decision again takes it back. */
  const decide = (row, decision) => {
    const isSame = row.review?.decision === decision;
    return say(row, { decision: isSame ? null : decision, note: row.review?.note ?? '' });
  };

  function bar(row, viewer) {
    if (isOpen(row)) return element('p', { class: 'quiet' }, 'The item is in work; decide when it has ended.');
    const note = element('textarea', {
      rows: '1',
      maxlength: '1000',
      'aria-label': 'Note',
      placeholder: 'Note',
      'aria-keyshortcuts': 'n',
    });
    note.value = row.review?.note ?? '';
    const saved = element('span', { class: 'quiet small', role: 'status' });
    const buttons = Object.entries(KEYS).map(([key, decision]) => decisionButton(key, decision, () => press(decision)));
    const draw = () => {
      for (const [at, decision] of Object.values(KEYS).entries())
        buttons[at].setAttribute('aria-pressed', String(row.review?.decision === decision));
    };
    const press = async (decision) => {
      if (await decide(row, decision)) saved.textContent = row.review?.decision ?? 'taken back';
      draw();
      viewer.retitle();
    };
    const keep = async () => {
      const text = note.value.trim();
      if (text === (row.review?.note ?? '')) return;
      if (await say(row, { decision: row.review?.decision ?? null, note: text })) saved.textContent = 'Note saved';
      viewer.retitle();
    };
    note.addEventListener('blur', keep);
    note.addEventListener('keydown', (event) => leaveNote(event, note));
    draw();
    const made = element(
      'div',
      { class: 'review-bar', role: 'group', 'aria-label': 'Your decision' },
      buttons,
      note,
      saved,
    );
    return Object.assign(made, { press, note });
  }

  return { bar, listen: (items, byId) => listen(items, byId, decide) };
}

function decisionButton(key, decision, onclick) {
  const properties = { type: 'button', class: `button ${decision}`, 'aria-keyshortcuts': key, onclick };
  return element(
    'button',
    properties,
    LABELS[decision],
    ' ',
    element('kbd', { 'aria-hidden': 'true' }, key.toUpperCase()),
  );
}

/** Enter and Escape lead back to the item, with the note saved. */
function leaveNote(event, note) {
  const isEnd = event.key === 'Escape' || (event.key === 'Enter' && !event.shiftKey);
  if (!isEnd) return;
  event.preventDefault();
  event.stopPropagation();
  note.closest('dialog').querySelector('.close').focus();
}

function listen(items, byId, decide) {
  addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest('input, select, textarea, .question'))
      return;
    const decision = KEYS[event.key.toLowerCase()];
    const open = document.querySelector('#viewer[open] .review-bar');
    if (items.viewer.isOpen()) {
      if (decision) open?.press(decision);
      if (event.key.toLowerCase() === 'n' && open) {
        event.preventDefault();
        open.note.focus();
      }
      return;
    }
    const row = rowAt(event.target, byId);
    if (decision && row) decide(row, decision);
  });
}

function rowAt(target, byId) {
  const href = target.closest('a.entry')?.getAttribute('href');
  return href && byId.get(decodeURIComponent(href.slice('#item='.length)));
}
