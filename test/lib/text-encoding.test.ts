import { describe, expect, it } from 'vitest';
import { decodeText, type TextEncoding, textEncodingOf } from '../../functions/lib/text-encoding.ts';

const GERMAN = 'Größe: 42, Farbe: grün\r\n';
const utf16 = (text: string, mark = '') => Buffer.from(mark + text, 'utf16le');
const turned = (bytes: Buffer) => Buffer.from(bytes).swap16();

describe('the encoding of a text', () => {
  it.each<[string, Buffer, TextEncoding, string]>([
    ['ASCII', Buffer.from('plain\n'), 'utf-8', 'plain\n'],
    ['UTF-8', Buffer.from(GERMAN), 'utf-8', GERMAN],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${GERMAN}`), 'utf-8', GERMAN],
    ['UTF-16 with a mark', utf16(GERMAN, '\ufeff'), 'utf-16le', GERMAN],
    ['UTF-16, big end first, with a mark', turned(utf16(GERMAN, '\ufeff')), 'utf-16be', GERMAN],
    ['UTF-16 without a mark', utf16(GERMAN), 'utf-16le', GERMAN],
    ['UTF-16, big end first, without a mark', turned(utf16(GERMAN)), 'utf-16be', GERMAN],
    ['Chinese in UTF-16 with a mark', utf16('陶瓷马克杯 😀', '\ufeff'), 'utf-16le', '陶瓷马克杯 😀'],
    ['Latin-1', Buffer.from(GERMAN, 'latin1'), 'windows-1252', GERMAN],
    [
      'the quotes and the euro of Windows',
      Buffer.from('\x93Mug\x94 for 5 \x80', 'latin1'),
      'windows-1252',
      '“Mug” for 5 €',
    ],
  ])('%s', (_, bytes, encoding, text) => {
    expect(textEncodingOf(bytes)).toBe(encoding);
    expect(decodeText(bytes, encoding)).toBe(text);
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a zip file', Buffer.from('PK\x03\x04\x14\0\0\0\xff\xff', 'latin1')],
    ['a file with control characters', Buffer.from('abc\x01def\xff', 'latin1')],
    ['ASCII with a zero byte', Buffer.from('abc\0def')],
    ['a sound file that begins like a mark', Buffer.from([0xff, 0xfe, 0x00, 0x00, 0x01, 0x00])],
    ['half a character after a mark', Buffer.from([0xff, 0xfe, 0x41])],
    ['half a surrogate pair', Buffer.from([0xff, 0xfe, 0x3d, 0xd8, 0x41, 0x00])],
    [
      'Russian in windows-1251, which would be spoiled',
      Buffer.from('\xca\xf0\xf3\xe6\xea\xe0 \xe1\xe5\xeb\xe0\xff', 'latin1'),
    ],
    ['bytes that windows-1252 does not know', Buffer.from('plain and \x81\x8d', 'latin1')],
  ])('%s has none', (_, bytes) => {
    expect(textEncodingOf(bytes)).toBeUndefined();
  });

  it('looks at big files only as far as it must', () => {
    const big = utf16('Zeile für Zeile 😀\n'.repeat(20_000), '\ufeff');
    expect(textEncodingOf(big)).toBe('utf-16le');
  });
});
