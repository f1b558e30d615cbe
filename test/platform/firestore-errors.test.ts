import { describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import { commitFailure, firestoreError } from '../../functions/platform/google/firestore-errors.ts';

const answered = (code: number, message = 'said the server') =>
  Object.assign(new Error(`${code} ${message}`), { code });

describe('failures of Firestore', () => {
  it.each([
    ['CANCELLED', 1, 'transient', 'item', 'unclear'],
    ['UNKNOWN', 2, 'transient', 'item', 'unclear'],
    ['INVALID_ARGUMENT', 3, 'permanent', 'item', undefined],
    ['DEADLINE_EXCEEDED', 4, 'transient', 'item', 'unclear'],
    ['NOT_FOUND', 5, 'permanent', 'batch', 'refused'],
    ['ALREADY_EXISTS', 6, 'transient', 'item', 'refused'],
    ['PERMISSION_DENIED', 7, 'permanent', 'batch', undefined],
    ['RESOURCE_EXHAUSTED', 8, 'transient', 'item', undefined],
    ['FAILED_PRECONDITION', 9, 'permanent', 'batch', 'refused'],
    ['ABORTED', 10, 'transient', 'item', 'refused'],
    ['OUT_OF_RANGE', 11, 'permanent', 'item', undefined],
    ['UNIMPLEMENTED', 12, 'permanent', 'batch', undefined],
    ['INTERNAL', 13, 'transient', 'item', 'unclear'],
    ['UNAVAILABLE', 14, 'transient', 'item', 'unclear'],
    ['DATA_LOSS', 15, 'permanent', 'batch', undefined],
    ['UNAUTHENTICATED', 16, 'permanent', 'batch', undefined],
  ])('takes %s for what it is', (name, code, disposition, scope, failure) => {
    const error = answered(code, name);
    const translated = firestoreError(error);
    const ours = disposition === 'transient' ? 'storage_unavailable' : 'storage';
    expect(translated).toMatchObject({ code: ours, disposition, scope, cause: error });
    expect(translated).toMatchObject({ message: expect.stringMatching(new RegExp(`^Firestore .*${name}\\)\\.$`)) });
    expect(commitFailure(error)).toBe(failure);
  });

  it('knows missing credentials', () => {
    const translated = firestoreError(new Error('Could not load the default credentials.'));
    expect(translated).toMatchObject({ code: 'storage', disposition: 'permanent', scope: 'batch' });
  });

  it('leaves alone what is not from Firestore', () => {
    const own = new ProofsheetError('lease_lost', 'Taken over.');
    const bug = new TypeError('x is not a function');
    const file = Object.assign(new Error('no such file'), { code: 'ENOENT' });
    for (const error of [own, bug, file, 'text', undefined]) {
      expect(firestoreError(error)).toBe(error);
      expect(commitFailure(error)).toBeUndefined();
    }
  });

  it('keeps the first line of a long message', () => {
    const translated = firestoreError(answered(14, `gone\n    at somewhere${'!'.repeat(1000)}`));
    expect((translated as Error).message).not.toContain('somewhere');
  });
});
