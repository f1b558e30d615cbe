const SVG = 'http://www.w3.org/2000/svg';
const STATES = ['passed', 'failed', 'error', 'skipped', 'cancelled'];

/** How the items of a batch stand, as a bar that is drawn again and again. */
export function stateBar() {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 1000 10');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('state-bar');
  return {
    svg,
    draw(counts, running = 0) {
      const parts = [...STATES.map((state) => [state, counts[state]]), ['open', running]];
      let x = 0;
      const rects = parts.flatMap(([state, count]) => {
        if (count === 0 || counts.total === 0) return [];
        const width = (count / counts.total) * 1000;
        x += width;
        return rect(state, x - width, Math.max(width - 2, 1.5));
      });
      svg.replaceChildren(...rects);
    },
  };
}

function rect(state, x, width) {
  const made = document.createElementNS(SVG, 'rect');
  made.classList.add(`fill-${state}`);
  for (const [name, value] of Object.entries({ x, width, y: 0, height: 10 })) made.setAttribute(name, String(value));
  return made;
}
