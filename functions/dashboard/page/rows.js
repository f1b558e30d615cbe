const OPEN = ['queued', 'running', 'parked'];

/** The items of a batch as the list shows them, kept up to date. `rows` is the same array at all times. */
export function itemRows() {
  const [rows, byId] = [[], new Map()];
  function put(line) {
    const known = byId.get(line.item_id);
    const row = known ?? { id: line.item_id, version: 0 };
    Object.assign(row, rowOf(line), { version: row.version + 1 });
    if (known) return row;
    byId.set(row.id, row);
    rows.push(row);
    return row;
  }
  return {
    rows,
    byId,
    /** What a listing says. It may have been read before what an event has told, so the event holds. */
    list: (line, told) => (told.has(line.item_id) ? undefined : put(line)),
    tell: put,
    /** What a person said of an item. */
    review(id, review) {
      const row = byId.get(id);
      if (row) Object.assign(row, { review, version: row.version + 1 }, { found: foundBy({ ...row, review }) });
    },
    clear() {
      rows.length = 0;
      byId.clear();
    },
  };
}

export function isOpen({ state }) {
  return OPEN.includes(state);
}

function rowOf(line) {
  const { status: state, thumbnail_url: shown, reference_url: reference } = line;
  const row = {
    ...{ id: line.item_id, name: line.sku, state, score: line.score, attempts: line.attempt, code: line.code ?? '' },
    ...{ cost: line.cost_usd, seconds: line.seconds, result: line.result, review: line.review },
    reason: reasonOf(line),
    reference: reference ?? shown ?? '',
    best: reference === null ? '' : (shown ?? ''),
    settledAt: line.settled_at === null ? null : Date.parse(line.settled_at),
  };
  return { ...row, found: foundBy(row) };
}

function reasonOf({ status, message, attempt }) {
  if (status === 'passed' || status === 'queued') return '';
  if (!OPEN.includes(status)) return message;
  const doing = message.replace(/([:~]\d+)+$/, '').replaceAll(/[_-]/g, ' ');
  return [attempt > 0 ? `attempt ${attempt}` : '', doing].filter(Boolean).join(': ');
}

function foundBy({ name, reason, code, id, result, review }) {
  return `${name}\n${reason}\n${code}\n${id}\n${result}\n${review?.decision ?? ''}\n${review?.note ?? ''}`.toLowerCase();
}
