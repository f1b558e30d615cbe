import { describe, expect, it } from 'vitest';
import { type Arrival, gateArrival, refuseInside, sourceOf } from '../../functions/domain/drop-gate.ts';

const INBOX = 'gs://inbox';

function arrival(path: string, change: Partial<Arrival> = {}): Arrival {
  const uri = `${INBOX}/${path}`;
  return { uri, version: { id: `${uri}#1`, uri: `${uri}#1`, createdAt: 1 }, isOwn: false, bytes: 9, ...change };
}
const gate = (path: string, change: Partial<Arrival> = {}) => gateArrival(arrival(path, change), INBOX);

describe('the gate of the inbox', () => {
  it.each([
    ['shoes/left.JPG', { uri: 'gs://inbox/shoes', name: 'shoes', recursive: true }],
    ['shoes/summer/deep/left.webp', { uri: 'gs://inbox/shoes', name: 'shoes', recursive: true }],
    ['left.png', { uri: 'gs://inbox', name: 'inbox', recursive: false }],
    [
      'Schuhe für Kinder/links #2.png',
      { uri: 'gs://inbox/Schuhe für Kinder', name: 'Schuhe für Kinder', recursive: true },
    ],
  ])('takes %s with the files of its first folder', (path, root) => {
    expect(gate(path)).toEqual({ kind: 'file', root, isPicture: true });
  });

  it('takes a picture by its type where the name says nothing', () => {
    expect(gate('shoes/0001', { contentType: 'image/png' })).toMatchObject({ kind: 'file', isPicture: true });
    expect(gate('shoes/0001')).toMatchObject({ kind: 'file', isPicture: false });
    expect(gate('shoes/sheet.pdf', { contentType: 'application/pdf' })).toMatchObject({ isPicture: false });
  });

  it.each([
    ['shoes/batch.json', 'batch.json'],
    ['batch.json', 'batch.json'],
    ['shoes/_READY', '_READY'],
  ])('knows %s', (path, file) => {
    expect(gate(path, { bytes: 0 })).toMatchObject({ kind: 'control', file });
    expect(gate(`shoes/deeper/${path}`)).toMatchObject({ kind: 'file' });
  });

  it.each([
    'shoes/',
    'shoes/sub_$folder$',
    'shoes/.DS_Store',
    '.git/logo.png',
    'shoes/Thumbs.db',
    'shoes/left.jpg.part',
    'shoes/left.jpg.tmp',
    'shoes/left.jpg.crdownload',
    'gcloud/tmp/parallel_composite_uploads/see_gcloud_storage_cp_help_for_details/x.jpg_1',
    '/gsutil/tmp/parallel_composite_uploads/for_details_see/gsutil_help_cp/0.jpg',
    'shoes#1795000000000001/left.jpg',
    '/left.jpg',
    '../left.jpg',
  ])('ignores %s', (path) => {
    expect(gate(path)).toMatchObject({ kind: 'ignore' });
  });

  it('ignores empty files that are no picture, but not a picture that came empty', () => {
    expect(gate('shoes/marker', { bytes: 0 })).toEqual({ kind: 'ignore', reason: 'empty file' });
    expect(gate('shoes/left.jpg', { bytes: 0 })).toMatchObject({ kind: 'file' });
  });

  it('ignores what proofsheet wrote and what lies elsewhere', () => {
    expect(gate('shoes/left.jpg', { isOwn: true })).toEqual({ kind: 'ignore', reason: 'of proofsheet itself' });
    expect(gateArrival(arrival('shoes/left.jpg'), 'gs://inbox/drops')).toMatchObject({ kind: 'ignore' });
    expect(gateArrival(arrival('shoes/left.jpg'), 'gs://inb')).toMatchObject({ kind: 'ignore' });
  });
});

describe('places that must lie apart', () => {
  it.each([
    ['gs://inbox', 'gs://inbox'],
    ['gs://inbox', 'gs://inbox/results'],
    ['gs://inbox/drops', 'gs://inbox/drops/results'],
    ['/photos', '/photos/out'],
  ])('refuses with %s watched results at %s', (inbox, place) => {
    expect(() => refuseInside(inbox, [undefined, 'gs://work', place])).toThrow(`${place} would lie inside`);
  });

  it('takes results beside the watched place', () => {
    refuseInside('gs://inbox', ['gs://output', 'gs://inbox-results', undefined]);
    refuseInside('gs://inbox/drops', ['gs://inbox/results', 'gs://inbox']);
  });
});

describe('the source that a loop is counted under', () => {
  it('is the file, but one for all folders of results', () => {
    expect(sourceOf('gs://inbox/shoes/left.jpg')).toBe('gs://inbox/shoes/left.jpg');
    expect(sourceOf('gs://inbox/20261121-100000-ab12/successful/left_result.png')).toBe('gs://inbox/*');
    expect(sourceOf('gs://inbox/out/20261121-100000-ab12/x.png')).toBe('gs://inbox/out/*');
    expect(sourceOf('gs://inbox/shoes/20261121-100000-ab12')).toBe('gs://inbox/shoes/20261121-100000-ab12');
  });
});
