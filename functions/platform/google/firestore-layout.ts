import type { CollectionReference, DocumentReference, Firestore } from '@google-cloud/firestore';
import type { VectorSpace } from '../../domain/embedding.ts';
import { hashOf, sha256 } from '../../lib/hash.ts';

/**
 * Where everything is. Ids are hashes, or hang below an item, so that no range of keys is written by everybody:
 *
 *     batches/{batch}                        commands/{command key}: guards against two unfinished batches
 *     batches/{batch}/shards/{n}             works/{work key}: the items that took this work, one of each batch
 *     batches/{batch}/names/{hash}           a name that is taken
 *     batches/{batch}/items/{item}           modelPauses/{model}: until when a model is left alone
 *                                            sources/{hash}: how often a source was taken from a drop
 *     …/items/{item}/steps/{epoch}-{key}     …/items/{item}/detail/outcome
 *     vectorSpaces/{hash}                    vectorSpaces/{hash}/vectors/{entry}: both vectors of an entry, and what is known of it
 *     budgets/{account}, …/parts/{n}: money granted, held and spent
 *     batches/{batch}/calls/{call}           batches/{batch}/waves/{wave}: parked calls, and what they go out with
 *     gates/start: lets one batch pass at a time where only so many may run
 */
export function batchesOf(db: Firestore): CollectionReference {
  return db.collection('batches');
}

export function batchRef(db: Firestore, batchId: string): DocumentReference {
  return batchesOf(db).doc(documentId(batchId));
}

export function commandRef(db: Firestore, commandKey: string): DocumentReference {
  return db.collection('commands').doc(documentId(commandKey));
}

export function startGateRef(db: Firestore): DocumentReference {
  return db.collection('gates').doc('start');
}

export function workRef(db: Firestore, workKey: string): DocumentReference {
  return db.collection('works').doc(documentId(workKey));
}

export function modelPauseRef(db: Firestore, model: string): DocumentReference {
  return db.collection('modelPauses').doc(documentId(model));
}

export function budgetRef(db: Firestore, account: string): DocumentReference {
  return db.collection('budgets').doc(documentId(account));
}

export function budgetPartRef(db: Firestore, account: string, part: number): DocumentReference {
  return budgetRef(db, account).collection('parts').doc(String(part));
}

export function sourceRef(db: Firestore, source: string): DocumentReference {
  return db.collection('sources').doc(documentId(source));
}

export function vectorSpacesOf(db: Firestore): CollectionReference {
  return db.collection('vectorSpaces');
}

export function vectorSpaceRef(db: Firestore, { collection, semantic, visual }: VectorSpace): DocumentReference {
  return vectorSpacesOf(db).doc(hashOf({ collection, semantic, visual }).slice(0, 20));
}

export function vectorRef(space: DocumentReference, id: string): DocumentReference {
  return space.collection('vectors').doc(documentId(id));
}

export function shardsOf(db: Firestore, batchId: string): CollectionReference {
  return batchRef(db, batchId).collection('shards');
}

/** Results land on file systems without case, so two names that differ by it alone are one. */
export function nameRef(db: Firestore, batchId: string, name: string): DocumentReference {
  return batchRef(db, batchId).collection('names').doc(sha256(name.toLowerCase()));
}

export function callsOf(db: Firestore, batchId: string): CollectionReference {
  return batchRef(db, batchId).collection('calls');
}

export function callRef(db: Firestore, batchId: string, callId: string): DocumentReference {
  return callsOf(db, batchId).doc(documentId(callId));
}

export function wavesOf(db: Firestore, batchId: string): CollectionReference {
  return batchRef(db, batchId).collection('waves');
}

export function waveRef(db: Firestore, batchId: string, waveId: string): DocumentReference {
  return wavesOf(db, batchId).doc(documentId(waveId));
}

export function itemsOf(db: Firestore, batchId: string): CollectionReference {
  return batchRef(db, batchId).collection('items');
}

export function itemRef(db: Firestore, batchId: string, itemId: string): DocumentReference {
  return itemsOf(db, batchId).doc(documentId(itemId));
}

export function detailRef(db: Firestore, batchId: string, itemId: string): DocumentReference {
  return itemRef(db, batchId, itemId).collection('detail').doc('outcome');
}

export function stepsOf(db: Firestore, batchId: string, itemId: string): CollectionReference {
  return itemRef(db, batchId, itemId).collection('steps');
}

export function stepId(epoch: number, key: string): string {
  return `${epoch}-${documentId(key)}`;
}

/** A text as a document id: itself where Firestore takes it, else its hash. */
function documentId(text: string): string {
  return /^(?!\.{1,2}$|__.*__$)[\w.:-][\w.:~-]{0,199}$/.test(text) ? text : `~${sha256(text)}`;
}
