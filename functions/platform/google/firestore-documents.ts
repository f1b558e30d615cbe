import { gunzipSync, gzipSync } from 'node:zlib';
import type { DocumentData, DocumentSnapshot } from '@google-cloud/firestore';
import { type Batch, batchSchema, type Item, itemSchema } from '../../domain/batch.ts';
import { ProofsheetError } from '../../domain/errors.ts';

/** A document holds at most 1 MiB, names and other fields included. */
const MAX_BYTES = 900_000;
/** Above this many bytes a JSON text is stored compressed. */
const PLAIN_BYTES = 200_000;

/** A batch as fields that people can read; settings as text, because Firestore has no arrays within arrays. */
export function batchFields(batch: Batch): DocumentData {
  const { recipeSettings, ...fields } = batch;
  return { ...withoutUndefined(fields), recipeSettings: JSON.stringify(recipeSettings) };
}

/** Parsed, because a batch outlives the version that wrote it. */
export function batchOf(fields: DocumentData): Batch {
  return batchSchema.parse({ ...fields, recipeSettings: JSON.parse(fields.recipeSettings) });
}

export function batchFrom(snapshot: DocumentSnapshot): Batch | undefined {
  const fields = snapshot.data();
  return fields && batchOf(fields);
}

export function noSuchBatch(batchId: string): ProofsheetError {
  return new ProofsheetError('not_found', `There is no batch ${batchId}; see \`proofsheet list\`.`);
}

/** An item as fields; metadata as text, because its keys are the users'. */
export function itemFields(item: Item): DocumentData {
  const { metadata, ...fields } = item;
  return { ...withoutUndefined(fields), metadata: JSON.stringify(metadata) };
}

export function itemFrom(snapshot: DocumentSnapshot): Item | undefined {
  const fields = snapshot.data();
  return fields && itemSchema.parse({ ...fields, metadata: JSON.parse(fields.metadata) });
}

/** A value as JSON in one field, compressed if it is long. `what` names it in the error when it is too long even so. */
export function packed(value: unknown, what: string): string | Buffer {
  const json = JSON.stringify(value);
  if (Buffer.byteLength(json) <= PLAIN_BYTES) return json;
  const bytes = gzipSync(json);
  if (bytes.length <= MAX_BYTES) return bytes;
  throw new ProofsheetError(
    'storage',
    `${what} takes ${bytes.length} bytes, more than a Firestore document holds (${MAX_BYTES}); ask the model for less.`,
  );
}

/** The JSON text of a packed field. */
export function unpacked(field: unknown): string {
  if (typeof field === 'string') return field;
  if (field instanceof Uint8Array) return gunzipSync(field).toString();
  throw new ProofsheetError('internal', 'A Firestore document has no readable content; report this as a bug.');
}

/** Without members that are undefined, which Firestore does not take, at any depth. */
function withoutUndefined(value: object): DocumentData {
  return JSON.parse(JSON.stringify(value));
}
