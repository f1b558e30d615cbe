import { describe, expect, it } from 'vitest';
import { distinctName, safeName } from '../../functions/domain/safe-name.ts';

const FAMILY = '👨‍👩‍👧';

const NAMES: [path: string, safe: string][] = [
  ['summer/2026/mug.jpg', 'mug.jpg'],
  ['gs://bucket/folder/mug.webp', 'mug.webp'],
  ['folder/', 'folder'],
  ['../../etc/passwd', 'passwd'],
  ['..', 'unnamed'],
  ['.', 'unnamed'],
  ['/', 'unnamed'],
  ['', 'unnamed'],
  ['. .', 'unnamed'],
  ['..\\..\\boot.ini', '_.._boot.ini'],
  ['C:\\photos\\mug.png', 'C__photos_mug.png'],
  ['-rf.jpg', 'rf.jpg'],
  ['.htaccess', 'htaccess'],
  ['mug.jpg. . ', 'mug.jpg'],
  ['a<script>alert(1)</script>.jpg', 'script_.jpg'],
  ['"><img onerror=x>.jpg', '___img onerror=x_.jpg'],
  ['what?*|.png', 'what___.png'],
  ["it's `$(rm)` & 50%.png", "it's `$(rm)` & 50%.png"],
  ['line\nbreak\ttab\0nul.png', 'line_break_tab_nul.png'],
  ['invoice\u202egpj.exe', 'invoice_gpj.exe'],
  ['\u2066mug\u2069.jpg', '_mug_.jpg'],
  ['half\ud83d.jpg', 'half_.jpg'],
  ['cafe\u0301.jpg', 'café.jpg'],
  [`mug 😀 ${FAMILY}.png`, `mug 😀 ${FAMILY}.png`],
  ['CON', '_CON'],
  ['nul.tar.gz', '_nul.tar.gz'],
  ['Com1 .txt', '_Com1 .txt'],
  ['LPT².png', '_LPT².png'],
  ['console.png', 'console.png'],
  ['no extension', 'no extension'],
];

/** What no name may have on any system. */
function faults(name: string): string[] {
  const rules: Record<string, boolean> = {
    empty: name === '',
    long: Buffer.byteLength(name) > 120,
    forbidden: /[\\/<>:"|?*\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(name),
    start: /^[.\s-]/.test(name),
    end: /[.\s]$/.test(name),
    reserved: /^(con|prn|aux|nul|com\d|lpt\d) *(\.|$)/i.test(name),
    halves: !name.isWellFormed(),
    form: name !== name.normalize('NFC'),
  };
  return Object.keys(rules).filter((rule) => rules[rule]);
}

describe('safeName', () => {
  it.each(NAMES)('%j becomes %j', (path, safe) => {
    expect(safeName(path)).toBe(safe);
    expect(faults(safe)).toEqual([]);
    expect(safeName(safe)).toBe(safe);
  });

  it('cuts long names between characters and keeps the ending', () => {
    expect(safeName(`${'x'.repeat(255)}.jpeg`)).toBe(`${'x'.repeat(115)}.jpeg`);
    expect(safeName(`${'é'.repeat(200)}.png`)).toBe(`${'é'.repeat(58)}.png`);
    expect(safeName(`${FAMILY.repeat(30)}.png`)).toBe(`${FAMILY.repeat(6)}.png`);
    expect(safeName(`a.${'b'.repeat(300)}`)).toBe(`a.${'b'.repeat(118)}`);
    expect(safeName(`z${'\u0323\u0301'.repeat(99)}.jpg`)).toBe('unnamed.jpg');
    expect(safeName(`${'x'.repeat(112)} . . .jpg`)).toBe(`${'x'.repeat(112)}.jpg`);
  });

  it('has no fault for any character of the basic plane at either end', () => {
    const found = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code))
      .flatMap((sign) => [`${sign}mug.jpg`, `mug${sign}`, `mug${sign}.jpg`, sign])
      .filter((name) => faults(safeName(name)).length > 0);
    expect(found).toEqual([]);
  });
});

describe('distinctName', () => {
  it('puts six digits of the id before the ending', () => {
    expect(distinctName('mug.jpg', '3fa9c1d2e4')).toBe('mug-3fa9c1.jpg');
    expect(distinctName('mug', '3fa9c1d2e4')).toBe('mug-3fa9c1');
    expect(distinctName('mug.tar.gz', '3fa9c1d2e4')).toBe('mug.tar-3fa9c1.gz');
  });

  it('stays within the length and apart by id', () => {
    const long = safeName(`${'x'.repeat(255)}.jpg`);
    const [one, two] = [distinctName(long, 'aaaaaa11'), distinctName(long, 'bbbbbb22')];
    expect(one).toBe(`${'x'.repeat(109)}-aaaaaa.jpg`);
    expect(Buffer.byteLength(two)).toBe(120);
    expect(one).not.toBe(two);
  });
});
