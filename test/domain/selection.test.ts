import { describe, expect, it } from 'vitest';
import type { Selection } from '../../functions/domain/batch.ts';
import { considerFile, considerKind, type ListedFile, type Origin } from '../../functions/domain/selection.ts';

const selection = (...patterns: string[]) => ({ patterns, recursive: true, maxFileBytes: 20_000_000 });
const consider = (entry: ListedFile, chosen: Selection, origin: Origin = 'listing') =>
  considerFile(entry, chosen, { origin, startedAt: Date.UTC(2026, 10, 21) });
const file = (path: string, more: Partial<ListedFile> = {}): ListedFile => ({ path, bytes: 1000, ...more });

describe('considerFile: by-products are ignored with a reason', () => {
  it.each([
    ['.DS_Store', 'hidden file'],
    ['shoes/._red.jpg', 'hidden file'],
    ['.git/objects/a.jpg', 'hidden file'],
    ['..jpg', 'hidden file'],
    ['shoes/Thumbs.db', 'system file'],
    ['desktop.ini', 'system file'],
    ['__MACOSX/red.jpg', 'system file'],
    ['red.jpg.part', 'unfinished transfer'],
    ['red.TMP', 'unfinished transfer'],
    ['red.jpg.crdownload', 'unfinished transfer'],
    ['~$prices.docx', 'lock file'],
    ['shoes/', 'folder placeholder'],
    ['shoes_$folder$', 'folder placeholder'],
    ['gsutil/tmp/parallel_composite_uploads/for_details_see/gsutil_help_cp/1f_0', 'part of an upload'],
    ['shoes/gcloud/tmp/parallel_composite_uploads/see_gcloud_storage_cp_help_for_details/x', 'part of an upload'],
  ])('%s: %s', (path, reason) => {
    expect(consider(file(path, { bytes: 0 }), selection())).toEqual({ kind: 'ignore', reason });
    expect(consider(file(path), selection('*'))).toEqual({ kind: 'ignore', reason });
  });

  it.each(['red.jpg', 'shoes/red shoe.png', 'a..b.jpg', 'party.jpg', 'x/thumbs.db.png', 'tmp/red.jpg', 'noending'])(
    '%s is read',
    (path) => {
      expect(consider(file(path), selection())).toEqual({ kind: 'read' });
    },
  );

  it('reads what the user named himself, whatever it is called', () => {
    expect(consider(file('.hidden.jpg'), selection('*.png'), 'command')).toEqual({ kind: 'read' });
    expect(consider(file('.hidden.jpg', { bytes: 0 }), selection(), 'command')).toMatchObject({ code: 'empty_file' });
  });
});

describe('considerFile: refusals', () => {
  it.each([
    [{ bytes: 0 }, 'empty_file', 'a/red.jpg has no bytes; upload it again.'],
    [
      { bytes: 20_000_001 },
      'file_too_large',
      'a/red.jpg has 20,000,001 bytes, above the limit of 20,000,000; raise --max-file-size or shrink it.',
    ],
    [
      { bytes: 0, problem: 'unreadable_file' },
      'unreadable_file',
      'a/red.jpg: The file could not be read; check its permissions.',
    ],
    [{ problem: 'file_missing' }, 'file_missing', expect.stringContaining('a/red.jpg: The file is no longer there')],
  ] as const)('%j: %s', (more, code, message) => {
    expect(consider(file('a/red.jpg', more), selection())).toEqual({ kind: 'refuse', code, message });
  });

  it('reads a file of exactly the limit', () => {
    expect(consider(file('red.jpg', { bytes: 20_000_000 }), selection())).toEqual({ kind: 'read' });
  });

  it('looks at the name first: what no pattern wants is no refusal', () => {
    expect(consider(file('red.jpg', { bytes: 0 }), selection('*.png'))).toMatchObject({ kind: 'ignore' });
  });
});

describe('considerFile: patterns', () => {
  it.each([
    [['*.jpg'], 'red.jpg', true],
    [['*.jpg'], 'deep/er/RED.JPG', true],
    [['*.jpg'], 'red.jpeg', false],
    [['*.{jpg,png}'], 'a/red.png', true],
    [['*.jpg', '*.png'], 'red.png', true],
    [['shoes/*.jpg'], 'shoes/red.jpg', true],
    [['shoes/*.jpg'], 'hats/red.jpg', false],
    [['shoes/*.jpg'], 'shoes/kids/red.jpg', false],
    [['shoes/**'], 'shoes/kids/red.jpg', true],
    [['./shoes/**/*.jpg'], 'shoes/red.jpg', true],
    [['**/kids/*.jpg'], 'shoes/kids/red.jpg', true],
    [['!*_back.jpg'], 'red.jpg', true],
    [['!*_back.jpg'], 'a/red_back.jpg', false],
    [['*.jpg', '!*_back.*'], 'red_back.jpg', false],
    [['!*_back.*', '*.jpg'], 'red_back.jpg', false],
    [['*.jpg', '!drafts/**'], 'drafts/red.jpg', false],
    [['!(red|blue).jpg'], 'green.jpg', true],
    [['!(red|blue).jpg'], 'red.jpg', false],
    [['mug (1).jpg'], 'a/mug (1).jpg', true],
    [['mug[1].jpg'], 'mug[1].jpg', true],
    [['img_?.jpg'], 'img_1.jpg', true],
    [['img_?.jpg'], 'img_12.jpg', false],
    [['*'], 'a/b/c', true],
    [['*.jpg'], 'back\\slash.jpg', true],
  ] as const)('%j on %s: %s', (patterns, path, wanted) => {
    expect(consider(file(path), selection(...patterns)).kind).toBe(wanted ? 'read' : 'ignore');
  });

  it('calls a pattern without content a usage error', () => {
    expect(() => consider(file('red.jpg'), selection(''))).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

describe('considerKind', () => {
  it.each([
    ['notes.txt', 'image', 'image', false, 'take'],
    ['red.jpg', 'image', 'image', true, 'take'],
    ['red.jpg', 'text', 'image', false, 'not_an_image'],
    ['red.JPEG', 'pdf', 'image', false, 'not_an_image'],
    ['red.svg', 'other', 'image', false, 'not_an_image'],
    ['notes.txt', 'text', 'image', true, 'not_an_image'],
    ['notes.txt', 'text', 'image', false, 'not a picture'],
    ['prices.pdf', 'pdf', 'image', false, 'not a picture'],
    ['jpg', 'other', 'image', false, 'not a picture'],
    ['notes.txt', 'text', 'bytes', false, 'take'],
    ['prices.pdf', 'pdf', 'bytes', false, 'take'],
    ['film.mp4', 'other', 'bytes', false, 'neither picture nor document'],
    ['film.mp4', 'other', 'bytes', true, 'take'],
    ['notes', 'text', 'document', false, 'take'],
    ['red.jpg', 'image', 'document', false, 'take'],
    ['prices.pdf', 'pdf', 'document', false, 'take'],
    ['film.mp4', 'other', 'document', false, 'neither picture nor document'],
    ['film.mp4', 'other', 'document', true, 'unsupported_format'],
    ['notes.TXT', 'other', 'document', false, 'unsupported_format'],
    ['red.jpg', 'other', 'document', false, 'unsupported_format'],
    ['notes.txt', 'other', 'bytes', false, 'neither picture nor document'],
  ] as const)('%s (%s) for %s, explicit %s: %s', (path, kind, wanted, explicit, expected) => {
    const decision = considerKind(path, kind, wanted, explicit);
    const said = {
      take: () => 'take',
      ignore: () => 'reason' in decision && decision.reason,
      refuse: () => 'code' in decision && decision.code,
    };
    expect(said[decision.kind]()).toBe(expected);
  });

  it('says what the file is instead', () => {
    expect(considerKind('a/red.jpg', 'text', 'image', false)).toEqual({
      kind: 'refuse',
      code: 'not_an_image',
      message: 'a/red.jpg is a text, not a picture; replace it by a JPEG, PNG or WebP.',
    });
  });
});
