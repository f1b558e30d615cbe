/** The report's data as it arrives: scripts beside the page that call `proofsheet.receive`. */
{
  const { element } = globalThis.proofsheet;
  const MAX_PAGES = 12;

  /** Rows of the list: the arrays of the index scripts with names, in the order of the data. */
  const rows = [];
  /** Detail pages by number: those that arrived, and who waits for which. */
  const pages = new Map();
  const waiting = new Map();

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
      const [id, name, state, score, attempts, cost, seconds, code, reason, reference, best, result, settledAt] =
        record;
      const found = `${name}\n${reason}\n${code}\n${id}\n${result}`.toLowerCase();
      const place = rows.length;
      const pictures = { reference: thumbnail(reference), best: thumbnail(best) };
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
        result,
        found,
        settledAt,
        ...pictures,
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

  /** The detail of a row's item. Fails when the script beside the page is missing. */
  async function detailOf({ place }) {
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

  function thumbnail(sha256) {
    return sha256 === '' ? '' : `report/thumbs/${sha256.slice(0, 2)}/${sha256}.webp`;
  }

  Object.assign(globalThis.proofsheet, { rows, receive, detailOf });
}
