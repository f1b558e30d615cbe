/** A result in words or JSON, beside the picture it is about. */
{
  const { element, frame } = globalThis.proofsheet;

  /** What an item came to, where that is no picture; the reference stands beside it. */
  function resultView(row, detail) {
    const body = element(
      'section',
      { class: 'viewer-section' },
      element('h3', {}, 'Result'),
      detail.result.kind === 'text'
        ? element('p', { class: 'text' }, detail.result.text)
        : jsonView(detail.result.value),
      detail.resultPath === ''
        ? ''
        : element('p', { class: 'quiet small' }, element('a', { href: detail.resultPath }, 'Open as a file')),
    );
    if (detail.reference === '') return body;
    const reference = element(
      'figure',
      { class: 'subject' },
      frame(detail.reference, detail.referenceThumbnail, `The picture ${row.name}`),
    );
    return element('div', { class: 'beside' }, reference, body);
  }

  /** An object as a table of its members; anything else as JSON. */
  function jsonView(value) {
    const text = element('pre', { class: 'text' }, JSON.stringify(value, null, 2));
    if (!isObject(value) || Object.keys(value).length === 0) return text;
    return [membersTable(value), element('details', { class: 'raw' }, element('summary', {}, 'As JSON'), text)];
  }

  function membersTable(value) {
    const lines = Object.entries(value).map(([name, member]) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, name.replaceAll('_', ' ')),
        element('td', {}, memberView(member)),
      ),
    );
    return element('table', { class: 'members' }, element('tbody', {}, lines));
  }

  function memberView(member) {
    if (member === null || member === '') return element('span', { class: 'quiet' }, '–');
    if (Array.isArray(member)) return listView(member);
    return isObject(member) ? membersTable(member) : String(member);
  }

  function listView(list) {
    if (list.length === 0) return element('span', { class: 'quiet' }, 'none');
    if (list.some((one) => typeof one === 'object'))
      return element(
        'ol',
        {},
        list.map((one) => element('li', {}, memberView(one))),
      );
    return list.flatMap((one) => [element('span', { class: 'word' }, String(one)), ' ']);
  }

  function isObject(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  }

  globalThis.proofsheet.resultView = resultView;
}
