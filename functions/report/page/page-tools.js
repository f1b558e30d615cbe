/**
 * What the other scripts of the page share: the data as it arrives, and making elements. A page opened from disk may
 * neither fetch nor import, so these are plain scripts that meet in one global object, loaded in order.
 */
{
  const HIDDEN = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u{FEFF}]/gu;
  const SVG = 'http://www.w3.org/2000/svg';
  const MAX_PAGES = 12;

  /** Rows of the list: the arrays of the index scripts with names, in the order of the data. */
  const rows = [];
  /** Detail pages by number: those that arrived, and who waits for which. */
  const pages = new Map();
  const waiting = new Map();

  /**
   * An element with properties (`class`, `dataset`, `aria-…`, listeners as `onclick`) and children. Texts become text nodes
   * only, so nothing that an input or a model wrote is ever read as markup.
   */
  function element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (value === undefined || value === null || value === false) continue;
      if (key === 'dataset') Object.assign(made.dataset, value);
      else if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
      else made.setAttribute(key, value === true ? '' : String(value));
    }
    append(made, children);
    return made;
  }

  function append(parent, children) {
    for (const child of children.flat()) {
      if (child === undefined || child === null || child === '') continue;
      parent.append(typeof child === 'object' ? child : clean(String(child)));
    }
  }

  /** A piece of drawing from a path. */
  function icon(path) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 16 16');
    svg.setAttribute('aria-hidden', 'true');
    svg.classList.add('icon');
    const line = document.createElementNS(SVG, 'path');
    line.setAttribute('d', path);
    svg.append(line);
    return svg;
  }

  /** Without invisible controls and marks that turn the reading direction. */
  function clean(text) {
    return text.replace(HIDDEN, '');
  }

  /** Takes the content of a data script; `k` is the script's number. */
  function receive(kind, k, records) {
    if (kind === 'reviews') return addReviews(records);
    if (kind === 'detail') {
      pages.set(k, records);
      waiting.get(k)?.resolve(records);
      waiting.delete(k);
      return;
    }
    for (const record of records) {
      const [id, name, state, score, attempts, cost, seconds, code, reason, reference, best, result] = record;
      const found = `${name}\n${reason}\n${code}\n${id}\n${result}`.toLowerCase();
      const place = rows.length;
      rows.push({
        place,
        id,
        name,
        state,
        score,
        attempts,
        cost,
        seconds,
        code,
        reason,
        reference,
        best,
        result,
        found,
      });
    }
  }

  /** What people said of items, after these have come. */
  function addReviews(records) {
    if (records.length === 0) return;
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (const [id, decision, note] of records) {
      const row = byId.get(id);
      if (!row) continue;
      row.review = { decision, note };
      row.found += `\n${decision}\n${note}`.toLowerCase();
    }
  }

  /** The detail of the item at a place of the data. Fails when the script beside the page is missing. */
  async function detailOf(place) {
    const size = Number(document.body.dataset.pageSize);
    const k = Math.floor(place / size);
    const records = pages.get(k) ?? (await load(k));
    return records[place % size];
  }

  function load(k) {
    const known = waiting.get(k);
    if (known) return known.promise;
    const waiter = Promise.withResolvers();
    waiting.set(k, waiter);
    if (pages.size >= MAX_PAGES) pages.delete(pages.keys().next().value);
    const script = element('script', { src: `report/data/detail-${k}.js` });
    script.addEventListener('load', () => script.remove());
    script.addEventListener('error', () => {
      script.remove();
      waiting.delete(k);
      waiter.reject(
        new Error(`report/data/detail-${k}.js could not be read. Keep the report folder beside report.html.`),
      );
    });
    document.head.append(script);
    return waiter.promise;
  }

  /** A picture in a box of fixed shape, loaded when it comes into view. */
  function picture(source, description, properties = {}) {
    if (source === '') return element('span', { class: 'no-picture' }, 'no picture');
    return element('img', { src: source, alt: description, loading: 'lazy', decoding: 'async', ...properties });
  }

  function thumbnail(sha256) {
    return sha256 === '' ? '' : `report/thumbs/${sha256.slice(0, 2)}/${sha256}.webp`;
  }

  function chip(state) {
    return element('span', { class: `chip chip-${state}` }, state);
  }

  /** What a person said of an item, beside its state. */
  function reviewChip({ review }) {
    if (!review) return '';
    return element('span', { class: `chip chip-${review.decision}`, title: review.note }, review.decision || 'note');
  }

  function score(value) {
    return value === null ? '–' : value.toFixed(2);
  }

  function dollars(value) {
    if (value === null) return '$ ?';
    return `$${value.toFixed(value !== 0 && value < 1 ? 4 : 2)}`;
  }

  function duration(seconds) {
    if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
    return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  }

  globalThis.proofsheet = {
    rows,
    receive,
    detailOf,
    element,
    icon,
    picture,
    thumbnail,
    chip,
    reviewChip,
    score,
    dollars,
    duration,
    words: (code) => code.replaceAll('_', ' '),
  };
}
