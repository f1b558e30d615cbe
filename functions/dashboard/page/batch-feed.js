import { pagesOf } from './api.js';
import { itemRows } from './rows.js';
import { watchBatch } from './watch.js';

const ROWS_AT_ONCE = 1000;
/** More rows than this are only loaded when they are asked for. */
const ROWS_AT_FIRST = 20_000;
/** Between two listings of a batch that grows, at least. */
const LIST_AGAIN_MS = 1500;
const LIST_AGAIN_SHARE = 10;

/**
 * The items of a batch and how it stands, kept up to date by a listing and the stream of changes. `onItem` is told an item before its
 * row changes and gives what is to be done afterwards, `onProgress` how the batch stands.
 */
export function batchFeed(batchId, path, { onItem, onProgress, connected, moreWanted, failed }) {
  const store = itemRows();
  const feed = { total: 0, settled: 0, changed: false, listing: false, restUntil: 0, told: new Set() };
  let stop = () => undefined;

  function hear(kind, data) {
    feed.changed = true;
    if (kind === 'item') {
      const after = onItem(data);
      const row = store.tell(data);
      if (feed.listing) feed.told.add(row.id);
      after?.(row);
      return;
    }
    for (const line of data.items ?? []) hear('item', line);
    const settled = settledOf(data);
    const isAgain = settled < feed.settled;
    Object.assign(feed, { total: data.counts.total, settled });
    onProgress(data);
    // Items went back to the queue, which no event tells.
    if (isAgain) void list();
  }

  /** Reads all items, page by page; what events tell meanwhile is newer. */
  async function list() {
    if (feed.listing) return;
    const began = performance.now();
    Object.assign(feed, { listing: true, told: new Set() });
    try {
      let most = ROWS_AT_FIRST;
      for await (const { items, next_cursor: next } of pagesOf(`${path}/lines`, ROWS_AT_ONCE)) {
        for (const line of items) store.list(line, feed.told);
        feed.changed = true;
        if (next && store.rows.length >= most) most = await moreWanted(store.rows.length, ROWS_AT_FIRST);
      }
    } catch (error) {
      failed(error);
    }
    const now = performance.now();
    const rest = Math.max(LIST_AGAIN_MS, LIST_AGAIN_SHARE * (now - began));
    Object.assign(feed, { listing: false, restUntil: now + rest });
  }

  return {
    ...{ rows: store.rows, byId: store.byId, review: store.review },
    /** Begins to follow the batch, or begins anew. Resolves when the items are listed. */
    async follow() {
      stop();
      stop = watchBatch(batchId, { hear, connected });
      await list();
    },
    stop: () => stop(),
    /** Items that wait for their turn are told by no event; while a batch is being listed, there are more and more of them. */
    async catchUp() {
      const known = store.rows.length;
      const isEnough = known >= feed.total || known >= ROWS_AT_FIRST;
      if (!isEnough && performance.now() >= feed.restUntil) await list();
    },
    /** Whether anything has changed since this was asked last. */
    news() {
      const { changed } = feed;
      feed.changed = false;
      return changed;
    },
  };
}

function settledOf({ counts }) {
  return counts.passed + counts.failed + counts.error + counts.cancelled + counts.skipped;
}
