/**
 * What the other scripts of a page share: making elements, and how values are written. A report opened from disk may neither
 * fetch nor import, so these are plain scripts that meet in one global object, loaded in order; the dashboard loads them too.
 */
{
  const HIDDEN = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u{FEFF}]/gu;
  const SVG = 'http://www.w3.org/2000/svg';

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

  /** A picture in a box of fixed shape, loaded when it comes into view. */
  function picture(source, description, properties = {}) {
    if (source === '') return element('span', { class: 'no-picture' }, 'no picture');
    return element('img', { src: source, alt: description, loading: 'lazy', decoding: 'async', ...properties });
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
    const digits = value !== 0 && value < 1 ? 4 : 2;
    return `$${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
  }

  function duration(seconds) {
    if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
    return `${Math.floor(minutes / 60).toLocaleString('en')} h ${String(minutes % 60).padStart(2, '0')} min`;
  }

  globalThis.proofsheet = {
    element,
    icon,
    picture,
    chip,
    reviewChip,
    score,
    dollars,
    duration,
    words: (code) => code.replaceAll('_', ' '),
  };
}
