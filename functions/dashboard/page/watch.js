import { ask } from './api.js';

const KINDS = ['snapshot', 'item', 'progress', 'complete'];
const AGAIN_AFTER_MS = 2000;

/**
 * Follows a batch: `hear(kind, data)` for every event, `connected(yes)` when the stream is there or is not. Comes back by itself after
 * the server was away, where it left off. Ends after `complete`, and with the function that it gives.
 */
export function watchBatch(batchId, { hear, connected }) {
  let [source, timer, lastId] = [undefined, undefined, undefined];
  const stop = () => {
    clearTimeout(timer);
    source?.close();
  };
  const open = () => {
    const query = new URLSearchParams({ batch_id: batchId, ...(lastId && { last_event_id: lastId }) });
    source = new EventSource(`/api/batch/status?${query}`);
    source.addEventListener('open', () => connected(true));
    source.addEventListener('error', () => {
      connected(false);
      // A browser comes back by itself only where the connection broke, not where it was refused.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(again, AGAIN_AFTER_MS);
    });
    for (const kind of KINDS) source.addEventListener(kind, (event) => take(kind, event));
  };
  const again = () => {
    ask(`/api/batches/${encodeURIComponent(batchId)}`).then(open, () => {
      timer = setTimeout(again, AGAIN_AFTER_MS);
    });
  };
  const take = (kind, event) => {
    lastId = event.lastEventId || lastId;
    if (kind === 'complete') stop();
    hear(kind, JSON.parse(event.data));
  };
  open();
  return stop;
}
