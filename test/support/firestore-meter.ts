import { Transform } from 'node:stream';
import type { Firestore } from '@google-cloud/firestore';

/** Documents read and written through a client, as they are billed. */
export interface Meter {
  reads: number;
  writes: number;
  commits: number;
}

/** The part of the client through which every request goes. */
interface Wire {
  request(method: string, request: { writes?: unknown[] }, ...rest: unknown[]): Promise<unknown>;
  requestStream(method: string, ...rest: unknown[]): Promise<NodeJS.ReadableStream>;
}

/** Counts from now on. A query that finds nothing is billed as one read, a document that is not there as well. */
export function meterOf(db: Firestore): Meter {
  const meter: Meter = { reads: 0, writes: 0, commits: 0 };
  const wire = db as unknown as Wire;
  const request = wire.request.bind(db);
  const requestStream = wire.requestStream.bind(db);
  wire.request = (method, body, ...rest) => {
    if (method === 'commit') {
      meter.commits += 1;
      meter.writes += body.writes?.length ?? 0;
    }
    return request(method, body, ...rest);
  };
  wire.requestStream = async (method, ...rest) => {
    const answers = await requestStream(method, ...rest);
    let documents = 0;
    const counting = new Transform({
      objectMode: true,
      transform(answer: object, _encoding, done) {
        if (['document', 'found', 'missing'].some((kind) => Reflect.get(answer, kind))) documents += 1;
        done(null, answer);
      },
      flush(done) {
        meter.reads += Math.max(1, documents);
        done();
      },
    });
    answers.on('error', (error: Error) => counting.destroy(error));
    return answers.pipe(counting);
  };
  return meter;
}
