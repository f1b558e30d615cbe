import { setTimeout as delay } from 'node:timers/promises';
import {
  type BareResult,
  killed,
  type ProductResult,
  runChild,
  runProduct,
  type Server,
  startProduct,
  startServer,
} from './children.ts';
import { median, spread } from './statistics.ts';
import type { Workspace } from './workspace.ts';

/** A line of the table. */
export interface Row {
  goal: string;
  limit: string;
  measured: string;
  bare: string;
  ratio: string;
  ok: boolean;
}

export interface Bench {
  workspace: Workspace;
  rounds: number;
}

const CONCURRENCY = 20;
const ITEMS = 1_000;
const MANY_ITEMS = 10_000;
const LATENCY_MS = 200;
const SHORT_LATENCY_MS = 20;

/** How full the product keeps the service: ideal time over time. */
export async function throughput(bench: Bench): Promise<Row[]> {
  const { product, bare } = await compare(bench, { latencyMs: LATENCY_MS });
  const ideal = (ITEMS * LATENCY_MS) / CONCURRENCY;
  const shares = product.map(({ wallMs }) => ideal / wallMs);
  const share = median(shares);
  return [
    {
      goal: `a. ${ITEMS} items, ${LATENCY_MS} ms a call, ${CONCURRENCY} at once: ideal ÷ wall (planning and report included)`,
      limit: '≥ 0.93',
      measured: spread(shares, 3),
      bare: spread(
        bare.map(({ wallMs }) => ideal / wallMs),
        3,
      ),
      ratio: (share / median(bare.map(({ wallMs }) => ideal / wallMs))).toFixed(2),
      ok: share >= 0.93 && allDone(product),
    },
  ];
}

/** What journaling and results cost where the service costs no time. */
export async function overhead(bench: Bench): Promise<Row[]> {
  const { product, bare } = await compare(bench, { latencyMs: 0 });
  const spans = product.map(spanOf);
  const ratio = median(spans) / median(bare.map(({ wallMs }) => wallMs));
  return [
    {
      goal: `b. ${ITEMS} items, no latency, ${CONCURRENCY} at once: seconds from first claim to last settle`,
      limit: '≤ 1.5 × bare',
      measured: spread(spans.map(seconds)),
      bare: spread(bare.map(({ wallMs }) => seconds(wallMs))),
      ratio: ratio.toFixed(2),
      ok: ratio <= 1.5 && allDone(product),
    },
  ];
}

/** Peak of the resident set, and whether it grows with the batch. */
export async function memory(bench: Bench): Promise<Row[]> {
  const few = await compare(bench, { latencyMs: SHORT_LATENCY_MS });
  const many = await compare(bench, { latencyMs: SHORT_LATENCY_MS, items: MANY_ITEMS });
  const [small, large] = [few.product.map(peakOf), many.product.map(peakOf)];
  const growth = median(large) / median(small);
  const row = (items: number, ours: number[], bare: number[]): Row => ({
    goal: `c. ${items} items, ${SHORT_LATENCY_MS} ms a call, ${CONCURRENCY} at once: peak resident memory in MB`,
    limit: '< 350',
    measured: spread(ours, 0),
    bare: spread(bare, 0),
    ratio: (median(ours) / median(bare)).toFixed(2),
    ok: median(ours) < 350 && allDone([...few.product, ...many.product]),
  });
  return [
    row(ITEMS, small, few.bare.map(peakOf)),
    row(MANY_ITEMS, large, many.bare.map(peakOf)),
    {
      goal: `c. growth from ${ITEMS} to ${MANY_ITEMS} items`,
      limit: '≤ 1.25 ×',
      measured: `${growth.toFixed(2)} ×`,
      bare: `${(median(many.bare.map(peakOf)) / median(few.bare.map(peakOf))).toFixed(2)} ×`,
      ratio: '',
      ok: growth <= 1.25,
    },
  ];
}

/** A service that takes half of what the product may send. */
export async function narrowService(bench: Bench): Promise<Row[]> {
  const taken = CONCURRENCY / 2;
  const { product, bare } = await compare(bench, { latencyMs: LATENCY_MS, maxConcurrent: taken });
  const ideal = (ITEMS * LATENCY_MS) / taken;
  const ratios = product.map(({ wallMs }) => wallMs / ideal);
  const done = Math.min(...product.map((result) => result.done));
  return [
    {
      goal: `d. ${ITEMS} items, ${LATENCY_MS} ms a call, ${CONCURRENCY} at once, service takes ${taken}: wall ÷ ideal, items done`,
      limit: `≤ 1.1, all ${ITEMS}`,
      measured: `${spread(ratios)}, ${done} done`,
      bare: `${Math.max(...bare.map((result) => result.done))} done`,
      ratio: '',
      ok: median(ratios) <= 1.1 && allDone(product),
    },
  ];
}

/** Power cut at half way. */
export async function recovery(bench: Bench): Promise<Row[]> {
  const inputs = await bench.workspace.corpus(ITEMS);
  const recoveries = await times(bench.rounds, () => bench.workspace.within((folder) => recoverOnce(folder, inputs)));
  const waits = recoveries.map(({ firstSettleMs }) => seconds(firstSettleMs));
  const again = recoveries.map(({ paidAgain, inFlight }) => `${paidAgain} of ${inFlight}`);
  return [
    {
      goal: `e. kill -9 at half of ${ITEMS} items, resume: seconds from process start to first new settle`,
      limit: '≤ 5',
      measured: spread(waits),
      bare: '',
      ratio: '',
      ok: median(waits) <= 5 && recoveries.every(({ done }) => done === ITEMS),
    },
    {
      goal: 'e. answers paid again, of those not recorded when the process died',
      limit: 'none of the recorded',
      measured: again.join(', '),
      bare: '',
      ratio: '',
      ok: recoveries.every(({ paidAgain, inFlight }) => paidAgain <= inFlight),
    },
  ];
}

async function recoverOnce(folder: string, inputs: string) {
  const server = await startServer({ latencyMs: LATENCY_MS });
  try {
    const args = productArgs(folder, inputs, server.url);
    const first = startProduct(args);
    while ((await server.counts()).paid < ITEMS / 2) await delay(20);
    await killed(first);
    const killedAt = Date.now();
    // Calls under way are answered into the void.
    await delay(2 * LATENCY_MS);
    const { paid: paidBefore } = await server.counts();
    const startedAt = Date.now();
    const resumed = await runProduct([...args, '--resume']);
    const { paid } = await server.counts();
    const recorded = resumed.answeredAt.filter((at) => at <= killedAt).length;
    const firstSettledAt = resumed.settledAt.find((at) => at >= startedAt) ?? Number.POSITIVE_INFINITY;
    return {
      done: resumed.done,
      firstSettleMs: firstSettledAt - startedAt,
      paidAgain: paid - ITEMS,
      inFlight: paidBefore - recorded,
    };
  } finally {
    await server.stop();
  }
}

interface Condition {
  latencyMs: number;
  maxConcurrent?: number;
  items?: number;
}

/** Product and bare loop by turns, each measurement in processes of its own. */
async function compare(bench: Bench, condition: Condition): Promise<{ product: ProductResult[]; bare: BareResult[] }> {
  const inputs = await bench.workspace.corpus(condition.items ?? ITEMS);
  const bare: BareResult[] = [];
  const product = await times(bench.rounds, async () => {
    bare.push(await withServer(condition, ({ url }) => runChild('bare-worker.ts', workerArgs(inputs, url))));
    return await bench.workspace.within((folder) =>
      withServer(condition, async (server) => {
        const result = await runProduct(productArgs(folder, inputs, server.url));
        const { peak } = await server.counts();
        if (peak > CONCURRENCY) throw new Error(`${peak} calls were under way at once, ${CONCURRENCY} are allowed`);
        return result;
      }),
    );
  });
  return { product, bare };
}

async function withServer<T>(condition: Condition, use: (server: Server) => Promise<T>): Promise<T> {
  const server = await startServer(condition);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

function workerArgs(inputs: string, url: string): string[] {
  return ['--inputs', inputs, '--url', url, '--concurrency', String(CONCURRENCY)];
}

function productArgs(folder: string, inputs: string, url: string): string[] {
  return [...workerArgs(inputs, url), '--home', `${folder}/home`, '--output', `${folder}/output`];
}

export async function times<T>(count: number, measure: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let n = 0; n < count; n += 1) results.push(await measure());
  return results;
}

function spanOf({ firstClaimedAt, settledAt }: ProductResult): number {
  return (settledAt.at(-1) ?? Number.POSITIVE_INFINITY) - firstClaimedAt;
}

function peakOf({ peakMb }: { peakMb: number }): number {
  return peakMb;
}

function seconds(ms: number): number {
  return ms / 1000;
}

function allDone(results: readonly ProductResult[]): boolean {
  return results.every(({ done, items }) => done === items && items >= ITEMS);
}
