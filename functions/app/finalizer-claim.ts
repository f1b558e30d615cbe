import type { Batch } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { FileContent, Files } from '../platform/ports.ts';
import type { App } from './app.ts';

/** A finaliser that died is replaced after this. */
const LEASE_MS = 60_000;
/** How old a proof may be when a file is put in its place. */
const PROOF_MS = 15_000;

/** The right to render a batch's report and to close it. */
export interface FinalizerClaim {
  /** The batch as it is going to be when it is closed. */
  closed: Batch & { finishedAt: number };
  /** Files that are put in place only under a fresh proof of the claim; without it they fail with the conflict `lease_lost`. */
  files: Files;
  /** Closes the batch over its report; false if the claim was lost, and the batch is somebody else's to close. */
  close(report: string, measured: Batch['measured']): Promise<boolean>;
  /** Gives the claim back, with nothing closed. */
  leave(): Promise<void>;
}
export type FinalizerClaimResult =
  | { kind: 'claimed'; claim: FinalizerClaim }
  /** Somebody else is at it. */
  | { kind: 'busy' }
  /** The batch is not one to be closed now. */
  | { kind: 'nothing' };

type Finalizer = NonNullable<Batch['finalizer']>;
type End = NonNullable<Finalizer['end']>;

/**
 * Claims the closing of a batch for one finaliser at a time. How and when the batch ended is decided by the first of them and
 * kept for those who take over, so that two who meet after all write the same bytes.
 */
export async function claimFinalizer(
  app: Pick<App, 'batches' | 'files' | 'clock'>,
  batchId: string,
): Promise<FinalizerClaimResult> {
  const now = app.clock.now();
  const taken: { fence?: number; end?: End } = {};
  const batch = await app.batches.change(batchId, (current) => {
    delete taken.fence;
    const { finalizer } = current;
    if (!isToClose(current) || (finalizer !== undefined && finalizer.leaseUntil > now)) return undefined;
    taken.fence = (finalizer?.fence ?? 0) + 1;
    taken.end = finalizer?.end ?? { state: current.cancelRequested ? 'cancelled' : 'finished', at: now };
    // What was said of items before this is in the report that is rendered now.
    return { finalizer: { fence: taken.fence, leaseUntil: now + LEASE_MS, end: taken.end }, reviewedAt: undefined };
  });
  if (!isToClose(batch)) return { kind: 'nothing' };
  const { fence, end } = taken;
  if (fence === undefined || end === undefined) return { kind: 'busy' };
  return { kind: 'claimed', claim: claimOf(app, batch, { fence, end, now }) };
}

function isToClose(batch: Batch): boolean {
  return batch.state === 'running' && batch.sealed;
}

function claimOf(
  app: Pick<App, 'batches' | 'files' | 'clock'>,
  batch: Batch,
  { fence, end, now }: { fence: number; end: End; now: number },
): FinalizerClaim {
  const isMine = (current: Batch) => isToClose(current) && current.finalizer?.fence === fence;
  /** Makes the change if the claim holds; tells whether it did. */
  async function change(update: (current: Batch) => Partial<Batch>): Promise<boolean> {
    let holds = false;
    await app.batches.change(batch.id, (current) => {
      holds = isMine(current);
      return holds ? update(current) : undefined;
    });
    return holds;
  }
  const prove = prover(app, now, async (leaseUntil) => {
    if (await change(() => ({ finalizer: { fence, leaseUntil, end } }))) return;
    const text = `The report of batch ${batch.id} is written by another process by now; nothing to do.`;
    throw new ProofsheetError('lease_lost', text, { disposition: 'conflict' });
  });
  const closing = { state: end.state, finishedAt: end.at };
  return {
    closed: { ...batch, ...closing, finalizer: undefined },
    files: provenFiles(app.files, prove),
    close: (report, measured) =>
      change(({ finalizer }) => ({ ...closing, report, measured, finalizer: vacated(finalizer) })),
    leave: async () => void (await change(({ finalizer }) => ({ finalizer: vacated(finalizer) }))),
  };
}

/** The place of the finaliser with nobody in it: whoever was there is refused from now on. */
export function vacated(finalizer: Batch['finalizer']): Batch['finalizer'] {
  return finalizer && { fence: finalizer.fence + 1, leaseUntil: 0 };
}

/** As `vacated`, for a batch that has ended and keeps its end, whoever closes it once more. */
export function reclosing({ state, finishedAt, finalizer }: Batch): Batch['finalizer'] {
  const fence = (finalizer?.fence ?? 0) + 1;
  if (finishedAt === undefined) return { fence, leaseUntil: 0 };
  return { fence, leaseUntil: 0, end: { state: state === 'cancelled' ? state : 'finished', at: finishedAt } };
}

/** Proves a claim by renewing it, unless that was done a moment ago; those who ask at the same time share one proof. */
function prover(
  app: Pick<App, 'clock'>,
  claimedAt: number,
  renew: (leaseUntil: number) => Promise<void>,
): () => Promise<void> {
  let provedAt = claimedAt;
  let proving: Promise<void> | undefined;
  async function proveNow(): Promise<void> {
    const now = app.clock.now();
    await renew(now + LEASE_MS);
    provedAt = now;
  }
  return async () => {
    if (app.clock.now() - provedAt < PROOF_MS) return;
    proving ??= proveNow().finally(() => {
      proving = undefined;
    });
    await proving;
  };
}

function provenFiles(files: Files, prove: () => Promise<void>): Files {
  return {
    ...files,
    async write(uri, content, mimeType) {
      await prove();
      await files.write(uri, proven(content, prove), mimeType);
    },
  };
}

/** A text that takes long to make is proved as it grows, and once more before it is whole. */
function proven(content: FileContent, prove: () => Promise<void>): FileContent {
  if (typeof content === 'string' || content instanceof Uint8Array) return content;
  return (async function* () {
    for await (const piece of content) {
      yield piece;
      await prove();
    }
  })();
}
