/** Charts of a batch from its rows: scores, attempts, items and cost over time. Plain SVG, drawn again whenever rows have changed. */
{
  const { element, dollars, duration } = globalThis.proofsheet;
  const SVG = 'http://www.w3.org/2000/svg';
  const [WIDTH, HEIGHT, BASE, TOP] = [280, 152, 128, 22];
  const BINS = 20;
  const POINTS = 120;

  /** `threshold` is the passing score, if there is one; where nothing is judged there is only something to say about time. */
  function createCharts({ threshold, startedAt, isJudged }) {
    const [scores, attempts, time] = [panel('Best scores'), panel('Attempts taken'), panel('Items and cost over time')];
    return {
      nodes: (isJudged ? [scores, attempts, time] : [time]).map(({ node }) => node),
      draw(rows) {
        const settled = rows.filter(({ settledAt, state }) => settledAt !== null && state !== 'skipped');
        const judged = settled.filter(({ score }) => score !== null);
        scores.draw(judged.length > 0 && scoreChart(judged, threshold), 'No item has a score.');
        attempts.draw(attemptsTable(settled), 'No item has had an attempt.');
        time.draw(
          settled.length > 1 && timeChart(settled, startedAt),
          'There is nothing to draw before two items have ended.',
        );
      },
    };
  }

  function panel(title) {
    const body = element('div', { class: 'panel-body' });
    return {
      node: element('section', { class: 'card panel' }, element('h2', {}, title), body),
      draw(content, empty) {
        body.replaceChildren(content || element('p', { class: 'quiet' }, empty));
      },
    };
  }

  function scoreChart(judged, threshold) {
    const bins = new Array(BINS).fill(0);
    for (const { score } of judged) bins[Math.min(BINS - 1, Math.floor(score * BINS + 1e-9))] += 1;
    const highest = Math.max(...bins);
    const step = WIDTH / BINS;
    const bars = bins.map((count, bin) => {
      const height = count === 0 ? 0 : Math.max(3, (count / highest) * (BASE - TOP - 8));
      const passes = threshold === undefined || bin / BINS >= threshold - 1e-9;
      const place = { x: bin * step + 1.5, y: BASE - height, width: step - 3, height, rx: 2 };
      const made = drawn('rect', { class: passes ? 'fill-passed' : 'fill-failed', ...place });
      const range = `${(bin / BINS).toFixed(2)} to ${((bin + 1) / BINS).toFixed(2)}`;
      made.append(drawn('title', {}, `${range}: ${number(count)}`));
      return made;
    });
    const below = threshold === undefined ? 0 : judged.filter(({ score }) => score < threshold).length;
    const text = `Histogram of best scores: ${number(judged.length)} items, ${number(below)} below the threshold.`;
    return figure(text, [
      axis(),
      bars,
      threshold === undefined ? [] : thresholdLine(threshold),
      scale([0, 0.25, 0.5, 0.75, 1]),
    ]);
  }

  function thresholdLine(threshold) {
    const x = threshold * WIDTH;
    const label = { x: x - 6, y: 14, 'text-anchor': 'end' };
    return [
      drawn('line', { class: 'threshold', x1: x, x2: x, y1: 6, y2: BASE }),
      drawn('text', label, `threshold ${threshold}`),
    ];
  }

  /** Items and money as shares of what they have come to, over the time since the start. */
  function timeChart(settled, startedAt) {
    const ended = settled.toSorted((a, b) => a.settledAt - b.settledAt);
    const last = ended.at(-1).settledAt;
    const span = Math.max(1, last - startedAt);
    const costs = ended.map(({ cost }) => cost ?? 0);
    const spent = costs.reduce((sum, cost) => sum + cost, 0);
    const every = Math.max(1, Math.ceil(ended.length / POINTS));
    let sum = 0;
    const points = [{ x: 0, items: 0, cost: 0 }];
    for (const [at, { settledAt }] of ended.entries()) {
      sum += costs[at];
      if ((at + 1) % every !== 0 && at !== ended.length - 1) continue;
      points.push({
        x: (Math.max(0, settledAt - startedAt) / span) * WIDTH,
        items: (at + 1) / ended.length,
        cost: spent === 0 ? 0 : sum / spent,
      });
    }
    const path = (key) =>
      points.map((point) => `${point.x.toFixed(1)},${(BASE - point[key] * (BASE - TOP)).toFixed(1)}`).join(' ');
    const area = `0,${BASE} ${path('items')} ${WIDTH},${BASE}`;
    const text = `${number(ended.length)} items and ${dollars(spent)} within ${inTime(span)}.`;
    const legend = [
      drawn('text', { x: 0, y: 14, class: 'label-items' }, `${number(ended.length)} items`),
      spent > 0 ? drawn('text', { x: WIDTH, y: 14, 'text-anchor': 'end', class: 'label-cost' }, dollars(spent)) : [],
    ];
    const costLine = spent > 0 ? drawn('polyline', { class: 'line-cost', points: path('cost') }) : [];
    const lines = [
      drawn('polygon', { class: 'area-items', points: area }),
      drawn('polyline', { class: 'line-items', points: path('items') }),
      costLine,
    ];
    const ends = [0, 1].map((share) =>
      drawn(
        'text',
        { x: share * WIDTH, y: BASE + 18, 'text-anchor': share === 0 ? 'start' : 'end' },
        inTime(share * span),
      ),
    );
    return figure(`Items and cost over time: ${text}`, [axis(), lines, legend, ends]);
  }

  function attemptsTable(settled) {
    const counts = new Map();
    for (const { attempts, state } of settled) {
      if (attempts === 0) continue;
      const sums = counts.get(attempts) ?? { passed: 0, other: 0 };
      sums[state === 'passed' ? 'passed' : 'other'] += 1;
      counts.set(attempts, sums);
    }
    if (counts.size === 0) return undefined;
    const lines = [...counts].sort(([a], [b]) => a - b);
    const most = Math.max(...lines.map(([, { passed, other }]) => passed + other));
    const rows = lines.map(([attempts, { passed, other }]) => {
      const width = (passed / most) * 100;
      const svg = drawn('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
      svg.append(
        drawn('rect', { class: 'fill-passed', width, height: 10 }),
        drawn('rect', { class: 'fill-failed', x: width, width: (other / most) * 100, height: 10 }),
      );
      const cells = [
        element('td', {}, `${number(passed)} passed`),
        element('td', {}, other === 0 ? '' : `${number(other)} not`),
      ];
      return element('tr', {}, element('th', { scope: 'row' }, attempts), element('td', { class: 'bar' }, svg), cells);
    });
    const heads = ['Attempts', 'Share', 'Passed', 'Did not pass'].map((name) => element('th', { scope: 'col' }, name));
    return element(
      'table',
      { class: 'bars' },
      element('thead', { class: 'hidden' }, element('tr', {}, heads)),
      element('tbody', {}, rows),
    );
  }

  function figure(label, parts) {
    const svg = drawn('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label });
    svg.append(...parts.flat(2));
    return svg;
  }

  function axis() {
    return drawn('line', { class: 'axis', x1: 0, x2: WIDTH, y1: BASE + 0.5, y2: BASE + 0.5 });
  }

  function scale(values) {
    const anchor = (value) => (value === 0 ? 'start' : value === 1 ? 'end' : 'middle');
    return values.map((value) =>
      drawn('text', { x: value * WIDTH, y: BASE + 18, 'text-anchor': anchor(value) }, String(value)),
    );
  }

  function inTime(ms) {
    return duration(ms / 1000);
  }

  function number(value) {
    return value.toLocaleString('en');
  }

  function drawn(name, properties, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(properties)) made.setAttribute(key, String(value));
    if (text !== undefined) made.textContent = text;
    return made;
  }

  Object.assign(globalThis.proofsheet, { createCharts, panel });
}
