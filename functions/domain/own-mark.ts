const PRODUCER = 'proofsheet';

/** Metadata of every object that this product writes to a bucket, by which it knows its own outputs. */
export function ownMark(batchId?: string): Record<string, string> {
  return { producer: PRODUCER, ...(batchId !== undefined && { batch: batchId }) };
}

/** True for the metadata of an object that this product wrote: it must never start work. */
export function isOwnOutput(metadata: Readonly<Record<string, string>> | undefined): boolean {
  return metadata?.producer === PRODUCER;
}
