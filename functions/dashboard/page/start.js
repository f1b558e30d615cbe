import { content } from './widgets.js';

const { element } = globalThis.proofsheet;
content.append(element('h1', {}, 'Start a batch'));
