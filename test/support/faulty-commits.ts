import type { Firestore } from '@google-cloud/firestore';

/** What happens to a commit on its way; `send` makes it, and may be called more than once. */
export type Way = (send: () => Promise<unknown>, n: number) => Promise<unknown>;

/** The part of the client through which every commit goes. */
interface Wire {
  request(method: string, ...rest: unknown[]): Promise<unknown>;
}

/** Puts `way` between a client and its commits, which are counted from 0. */
export function interceptCommits(db: Firestore, way: Way): void {
  const wire = db as unknown as Wire;
  const request = wire.request.bind(db);
  let n = -1;
  wire.request = (method, ...rest) => {
    const send = () => request(method, ...rest);
    if (method !== 'commit') return send();
    n += 1;
    return way(send, n);
  };
}

/** As the client reports a connection that broke. */
export function unavailable(): Error {
  return Object.assign(new Error('14 UNAVAILABLE: No connection established'), { code: 14 });
}
