import { FieldValue, type Firestore } from '@google-cloud/firestore';
import type { ModelPauses } from '../limit-ports.ts';
import { translating } from './firestore-errors.ts';
import { modelPauseRef } from './firestore-layout.ts';

/** Pauses of models in Firestore. A pause is one blind write that may be made twice, so writers never wait for each other. */
export function firestorePauses(db: Firestore): ModelPauses {
  return translating<ModelPauses>({
    async pause(model, until) {
      const latest = FieldValue.maximum(Math.ceil(until));
      await modelPauseRef(db, model).set({ model, until: latest }, { merge: true });
    },
    async pausedUntil(model) {
      const found = await modelPauseRef(db, model).get();
      return Number(found.get('until') ?? 0);
    },
  });
}
