import { html, raw } from 'hono/html';

const LOGO =
  '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><rect x="1" y="1" width="8" height="8" rx="1.5"/>' +
  '<rect x="11" y="1" width="8" height="8" rx="1.5"/><rect x="1" y="11" width="8" height="8" rx="1.5"/>' +
  '<path d="M11.6 15.2l2.6 2.7 4.8-6.2" fill="none" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/></svg>';

/** The name of the product with its sign. */
export const BRAND = html`${raw(LOGO)} proofsheet`;
