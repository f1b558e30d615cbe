import sharp from 'sharp';
import type { Batch, Counts, Item, TerminalState } from '../../functions/domain/batch.ts';
import { NO_COUNTS } from '../../functions/domain/batch.ts';
import type { ErrorCode } from '../../functions/domain/errors.ts';
import type { FileRef } from '../../functions/domain/model-call.ts';
import type { Attempt, ItemDetail, Question, StepSummary, Verdict } from '../../functions/domain/outcome.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import type { Files } from '../../functions/platform/ports.ts';
import type { ReportItem } from '../../functions/report/item-row.ts';

export const NOW = Date.UTC(2026, 10, 20, 14, 36, 12);

/** A drawn product: reference, candidates of up to three attempts (the first ones wrong), with thumbnails. */
export interface Product {
  title: string;
  colour: string;
  reference: FileRef;
  referenceThumbnail: FileRef;
  candidates: { file: FileRef; thumbnail: FileRef }[];
}

const SHAPES: [title: string, svg: (colour: string) => string][] = [
  [
    'stoneware-mug',
    (c) =>
      `<path d="M360 215c70-8 92 30 88 70s-40 78-96 74" fill="none" stroke="${c}" stroke-width="26"/><path d="M160 170h210l-14 220q-3 26-30 26H204q-27 0-30-26z" fill="${c}"/><ellipse cx="265" cy="172" rx="105" ry="20" fill="#0003"/>`,
  ],
  [
    'glass-bottle',
    (c) =>
      `<path d="M228 90h56v70q52 26 52 86v160q0 26-26 26H202q-26 0-26-26V246q0-60 52-86z" fill="${c}"/><rect x="222" y="66" width="68" height="34" rx="8" fill="#3a2f25"/><rect x="176" y="280" width="160" height="86" fill="#fff9"/>`,
  ],
  [
    'desk-lamp',
    (c) =>
      `<path d="M150 220 270 110l90 96-120 70z" fill="${c}"/><path d="M300 250 270 400" stroke="#3b3b3b" stroke-width="18"/><ellipse cx="268" cy="412" rx="98" ry="22" fill="${c}"/>`,
  ],
  [
    'canvas-tote',
    (c) =>
      `<path d="M190 210c0-150 140-150 140 0" fill="none" stroke="#4a3a2a" stroke-width="16"/><path d="M130 200h260l22 216H108z" fill="${c}"/><circle cx="260" cy="310" r="44" fill="#fff8"/>`,
  ],
  [
    'lounge-chair',
    (c) =>
      `<path d="M140 120q110-40 220 0l16 150H124z" fill="${c}"/><rect x="110" y="262" width="284" height="64" rx="26" fill="${c}"/><path d="M146 326 128 430M358 326l18 104" stroke="#6b4a2b" stroke-width="16"/>`,
  ],
  [
    'bud-vase',
    (c) =>
      `<path d="M232 140h52q-8 74 46 130 46 60-8 120-62 46-128 0-54-60-8-120 54-56 46-130z" fill="${c}"/><path d="M258 140q-10-40 26-84" stroke="#51703c" stroke-width="8" fill="none"/><circle cx="288" cy="54" r="22" fill="#e58aa0"/>`,
  ],
];
const COLOURS: [name: string, colour: string][] = [
  ['terracotta', '#c4613c'],
  ['forest', '#2f6b4f'],
  ['ink', '#2b3a67'],
  ['mustard', '#d6a02c'],
  ['plum', '#7b3f69'],
  ['slate', '#5d6b77'],
];

/** Draws products and stores them; `count` of them, up to 36. */
export async function drawProducts(files: Files, count: number): Promise<Product[]> {
  const products: Product[] = [];
  for (let n = 0; n < count; n += 1) {
    const [title, shape] = pick(SHAPES, n);
    const [colourName, colour] = pick(COLOURS, n + Math.floor(n / SHAPES.length));
    const reference = await store(files, `<rect width="520" height="520" fill="#fbfbfa"/>${shadow()}${shape(colour)}`);
    const candidates = [];
    for (const [turn, defect] of [shape('#8f8f8f'), shape(pick(COLOURS, n + 1)[1]), shape(colour)].entries()) {
      candidates.push(await store(files, `${scene(n + turn)}${shadow()}${defect}`));
    }
    products.push({
      title: `${colourName}-${title}`,
      colour: colourName,
      reference: reference.file,
      referenceThumbnail: reference.thumbnail,
      candidates,
    });
  }
  return products;
}

export function syntheticBatch(outputDir: string, changes: Partial<Batch> = {}): Batch {
  return {
    id: '20261120-143005-k3f9',
    name: 'Autumn catalogue',
    state: 'finished',
    createdAt: NOW - 367_000,
    commandKey: sha256('command'),
    inputs: ['/shop/photos'],
    selection: { patterns: [], recursive: true, maxFileBytes: 20_000_000 },
    recipe: 'fidelity',
    recipeVersion: 1,
    recipeSettings: { threshold: 0.7, maxAttempts: 3 },
    recipeFingerprint: sha256('recipe'),
    simulated: false,
    force: false,
    run: { lane: 'standard', maxConcurrent: 5, maxRetries: 5, timeoutMs: 120_000 },
    outputDir,
    archive: 'none',
    shardCount: 1,
    sealed: true,
    ignored: {},
    cancelRequested: false,
    revision: 0,
    finishedAt: NOW,
    ...changes,
  };
}

/** A batch's items in which most pass, some only after refinement, some fail, err or were done before. The same for the same arguments. */
export function* syntheticItems(batch: Batch, count: number, products: readonly Product[]): Generator<ReportItem> {
  for (let n = 0; n < count; n += 1) yield syntheticItem(batch, n, pick(products, n));
}

export function syntheticItem(batch: Batch, n: number, product: Product, end: End = endOf(n)): ReportItem {
  const name = `${product.title}-${String(n + 1).padStart(3, '0')}.jpg`;
  const attempts = end.scores.map((score, index) => attemptOf(product, end, index, score));
  const best = end.scores.indexOf(Math.max(...end.scores)) + 1;
  const steps = end.state === 'skipped' ? [] : stepsOf(end);
  const score = best > 0 ? (end.scores[best - 1] ?? null) : null;
  const item: Item = {
    batchId: batch.id,
    id: sha256(`${batch.id}/${n}`),
    name,
    source: `/shop/photos/${name}`,
    metadata: {},
    contentHash: sha256(name),
    workKey: sha256(`work/${n}`),
    state: end.state,
    shard: 0,
    fence: 1,
    claims: 0,
    epoch: 0,
    settledAt: NOW,
    summary: {
      score,
      attempts: attempts.length,
      message: end.message,
      calls: steps.length,
      costNano: steps.reduce((sum, step) => sum + (step.costNano ?? 0), 0),
      unpricedCalls: 0,
      seconds: steps.reduce((sum, step) => sum + step.tookMs, 0) / 1000,
      result: '',
      ...(end.code && { code: end.code }),
    },
  };
  if (end.state === 'skipped') return { item, detail: undefined };
  const detail: ItemDetail = {
    steps,
    reference: product.reference,
    referenceThumbnail: product.referenceThumbnail,
    candidateThumbnails: Object.fromEntries(
      attempts.flatMap(({ n: attempt }) => {
        const made = candidateOf(product, end, attempt - 1);
        return made ? [[attempt, made.thumbnail]] : [];
      }),
    ),
  };
  const picture = attempts[best - 1]?.candidate;
  if (end.state === 'passed' || end.state === 'failed') {
    detail.outcome = {
      state: end.state,
      score,
      message: end.message,
      result: picture ? { kind: 'image', file: picture } : null,
      description: descriptionOf(product),
      rubric: { questions: questionsOf(product), dropped: n % 3 },
      attempts,
      ...(best > 0 && { best }),
    };
  }
  return { item, detail };
}

export function countsOf(entries: Iterable<ReportItem>): Counts {
  const counts = { ...NO_COUNTS };
  for (const { item } of entries) {
    counts.total += 1;
    const { state, summary } = item;
    if (state === 'queued' || state === 'running' || state === 'parked' || summary === undefined) continue;
    counts[state] += 1;
    counts.calls += summary.calls;
    counts.costNano += summary.costNano;
    counts.unpricedCalls += summary.unpricedCalls;
    counts.attempts += summary.attempts;
    if (summary.score === null) continue;
    counts.scored += 1;
    counts.scoreSum += summary.score;
  }
  return counts;
}

export interface End {
  state: TerminalState;
  scores: number[];
  message: string;
  code?: ErrorCode;
}

function endOf(n: number): End {
  const jitter = ((n * 37) % 19) / 100;
  if (n % 23 === 11) {
    return { state: 'error', scores: [], code: 'image_safety', message: 'The picture was withheld for safety, twice.' };
  }
  if (n % 41 === 17) {
    return {
      state: 'error',
      scores: [],
      code: 'timeout',
      message: 'The service did not answer within 120 s, 5 times.',
    };
  }
  if (n % 29 === 20) {
    return {
      state: 'skipped',
      scores: [],
      code: 'already_done',
      message: 'Done before in batch 20261118-090000-a1b2 with score 0.93.',
    };
  }
  if (n % 7 === 3) {
    const scores = [0.31 + jitter, 0.47 + jitter, 0.44 + jitter];
    const message = `Best of 3 attempts scored ${(0.47 + jitter).toFixed(2)}, below 0.7.`;
    return { state: 'failed', scores, code: 'below_threshold', message };
  }
  if (n % 3 === 1) {
    const scores = [0.52 + jitter / 2, 0.81 + jitter];
    return { state: 'passed', scores, message: `Attempt 2 scored ${(0.81 + jitter).toFixed(2)}.` };
  }
  return { state: 'passed', scores: [0.8 + jitter], message: `Attempt 1 scored ${(0.8 + jitter).toFixed(2)}.` };
}

function attemptOf(product: Product, end: End, index: number, score: number): Attempt {
  const changes = [
    `Keep the product exactly ${product.colour}; do not tint it to match the room.`,
    'Show the whole product, uncropped, with its outline as in the reference.',
  ].slice(0, index);
  const base =
    'Place the product from the reference picture on a light wooden table in a calm room with soft daylight from the left. Keep shape, colour, material and any text exactly as they are; change only the surroundings.';
  const candidate = candidateOf(product, end, index)?.file;
  return {
    n: index + 1,
    prompt: [base, ...changes].join('\n'),
    promptChanges: changes.slice(-1),
    score,
    verdicts: verdictsOf(product, score),
    judge: { name: 'rubric', model: 'gemini-3-pro', version: 'gemini-3-pro-002' },
    ...(candidate && { candidate }),
  };
}

/** The last attempt of an item that passes shows the right product. */
function candidateOf(product: Product, end: End, index: number) {
  const right = end.state === 'passed' && index === end.scores.length - 1;
  return product.candidates[right ? 2 : index % 2];
}

function questionsOf({ title, colour }: Product): Question[] {
  const yesNo = ['yes', 'no'];
  const base = (id: string, question: string, expected: string, category: string, high = false): Question => ({
    id,
    question,
    choices: yesNo,
    expected,
    category,
    importance: high ? 'high' : 'medium',
  });
  return [
    base('q1', `Is the product ${colour} in colour?`, 'yes', 'colour', true),
    base('q2', `Is the product a ${title.split('-').slice(1).join(' ')}?`, 'yes', 'kind', true),
    base('q3', 'Is the whole outline of the product visible?', 'yes', 'shape'),
    base('q4', 'Is there a second copy of the product in the picture?', 'no', 'count'),
    base('q5', 'Is any text printed on the product that the description does not name?', 'no', 'text'),
    base('q6', 'Does the surface look matte rather than glossy?', 'yes', 'material'),
    base('q7', 'Are the proportions of height to width about 6 to 5?', 'yes', 'shape'),
    base('q8', 'Does the product stand upright?', 'yes', 'pose'),
  ];
}

function verdictsOf(product: Product, score: number): Verdict[] {
  const questions = questionsOf(product);
  const right = Math.round(score * questions.length);
  return questions.map((question, index) => {
    const fails = index < questions.length - right;
    const undecided = !fails && index === 6 && score < 0.9;
    return {
      ...question,
      answer: undecided ? null : fails === (question.expected === 'yes') ? 'no' : 'yes',
      verdict: undecided ? 'undecided' : fails ? 'fail' : 'pass',
      evidence: fails
        ? 'The body of the product reads as a neutral grey, without the warm hue that the description names.'
        : undecided
          ? 'The lower edge is hidden by the shadow.'
          : 'Clearly visible in the centre of the picture.',
    };
  });
}

function stepsOf(end: End): StepSummary[] {
  const step = (
    key: string,
    attempt: number,
    model: string,
    tokens: [number, number],
    costNano: number,
  ): StepSummary => ({
    key,
    attempt,
    model,
    modelVersion: `${model}-002`,
    lane: 'standard',
    tokensIn: tokens[0],
    tokensOut: tokens[1],
    tookMs: 900 + tokens[1] * 4,
    tries: 1,
    costNano,
  });
  const steps = [
    step('describe', 0, 'gemini-3-flash', [1290, 412], 1_660_000),
    step('rubric', 0, 'gemini-3-flash', [640, 688], 2_140_000),
  ];
  const rounds = Math.max(1, end.scores.length);
  for (let n = 1; n <= rounds; n += 1) {
    const generate = step(n === 1 ? 'generate' : `generate:${n - 1}`, n, 'gemini-3-image', [1540, 1290], 39_000_000);
    const refused = end.state === 'failed' ? undefined : end.code;
    steps.push(refused ? { ...generate, code: refused, tries: 2 } : generate);
    if (refused) return steps;
    steps.push(step(n === 1 ? 'judge' : `judge:${n - 1}`, n, 'gemini-3-pro', [2890, 530], 8_900_000));
  }
  return steps;
}

function descriptionOf({ title, colour }: Product): string {
  const kind = title.split('-').slice(1).join(' ');
  return `A single ${kind} in ${colour}, photographed from the front against a plain white background. The surface is matte and evenly coloured. The product stands upright and is fully visible; its height is about six fifths of its width. No text, logo or pattern is printed on it.`;
}

async function store(files: Files, drawing: string): Promise<{ file: FileRef; thumbnail: FileRef }> {
  const svg = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 520 520" width="640" height="640">${drawing}</svg>`,
  );
  const large = await sharp(svg).jpeg({ quality: 88 }).toBuffer();
  const small = await sharp(svg).resize(240).webp({ quality: 80 }).toBuffer();
  return {
    file: await files.put(large, 'image/jpeg', { width: 640, height: 640 }),
    thumbnail: await files.put(small, 'image/webp', { width: 240, height: 240 }),
  };
}

function scene(n: number): string {
  const [wall, table] = pick(
    [
      ['#e9e2d6', '#b98d5f'],
      ['#dbe5e6', '#8a6b4c'],
      ['#efe3df', '#cfae86'],
      ['#e2e6da', '#6f5a45'],
    ] as const,
    n,
  );
  return `<rect width="520" height="520" fill="${wall}"/><path d="M0 0h190v250H0z" fill="#fff6"/><rect y="350" width="520" height="170" fill="${table}"/>`;
}

function shadow(): string {
  return '<ellipse cx="262" cy="424" rx="150" ry="20" fill="#0002"/>';
}

function pick<Value>(values: readonly Value[], n: number): Value {
  const value = values[n % values.length];
  if (value === undefined) throw new RangeError('nothing to pick from');
  return value;
}

/** A name and a text that attack every format they are written to. */
export const HOSTILE =
  '"><img src=x onerror=alert(1)></script><script>alert(2)</script>\u202Egpj.exe ]]> ![x](http://evil.invalid/x) \u0007';

/** An item of which every text is `text`, the name as far as a file can have it. */
export function hostileItem(batch: Batch, text = HOSTILE, product: Product = undrawnProduct()): ReportItem {
  const entry = syntheticItem(batch, 100_000, product, {
    state: 'failed',
    scores: [0.4, 0.5],
    code: 'below_threshold',
    message: text,
  });
  const outcome = entry.detail?.outcome;
  if (outcome === undefined) throw new Error('a failed item has an outcome');
  outcome.description = text;
  for (const attempt of outcome.attempts) {
    attempt.prompt = `${text}\n${text}`;
    attempt.promptChanges = [text];
    for (const verdict of attempt.verdicts) {
      Object.assign(verdict, { question: text, answer: text, evidence: text, expected: text, category: text });
    }
  }
  const review = { decision: 'rejected', note: text, at: NOW } as const;
  const item = { ...entry.item, name: text.replaceAll('/', '_'), source: `/shop/${text}`, review };
  return { item, detail: entry.detail };
}

/** A passed item whose result is a text and that nobody judged. */
export function textItem(batch: Batch, product: Product = undrawnProduct()): ReportItem {
  const { item, detail } = syntheticItem(batch, 100_001, product, {
    state: 'passed',
    scores: [],
    message: 'The model answered.',
  });
  if (detail?.outcome === undefined) throw new Error('a passed item has an outcome');
  detail.outcome.result = { kind: 'text', text: 'Two\nlines, "quoted"' };
  return { item: { ...item, name: 'note.png' }, detail };
}

/** A product whose pictures are named but not stored, for what never opens them. */
export function undrawnProduct(): Product {
  const file = (n: number, mimeType: string): FileRef => ({ sha256: sha256(`${n}`), mimeType, bytes: 1000 });
  return {
    title: 'red-mug',
    colour: 'red',
    reference: file(0, 'image/jpeg'),
    referenceThumbnail: file(1, 'image/webp'),
    candidates: [2, 4, 6].map((n) => ({ file: file(n, 'image/jpeg'), thumbnail: file(n + 1, 'image/webp') })),
  };
}
