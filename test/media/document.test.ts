import { describe, expect, it } from 'vitest';
import { checkPdf, DOCUMENT_LIMITS, normalizeText } from '../../functions/media/document.ts';
import { sniff } from '../../functions/media/inspect.ts';

const fails = (code: string) => expect.objectContaining({ code });

describe('a text', () => {
  it('is passed through where it is UTF-8 without a mark', () => {
    const bytes = Buffer.from('Größe\n');
    expect(normalizeText(bytes)).toBe(bytes);
  });

  it.each([
    ['a mark', Buffer.from('\ufeffGröße\n')],
    ['UTF-16', Buffer.from('\ufeffGröße\n', 'utf16le')],
    ['Latin-1', Buffer.from('Größe\n', 'latin1')],
  ])('is made UTF-8 where it has %s', async (_, bytes) => {
    expect(await sniff(bytes)).toEqual({ kind: 'text', mimeType: 'text/plain' });
    expect(Buffer.from(normalizeText(bytes)).toString('utf8')).toBe('Größe\n');
  });

  it('is refused where it is blank, too long or in an unknown encoding', () => {
    expect(() => normalizeText(Buffer.from(' \n\t'))).toThrow(fails('empty_file'));
    expect(() => normalizeText(Buffer.alloc(DOCUMENT_LIMITS.text + 1, 'a'))).toThrow(fails('file_too_large'));
    expect(() => normalizeText(Buffer.from([0, 1, 2]))).toThrow(fails('unsupported_format'));
    expect(normalizeText(Buffer.alloc(DOCUMENT_LIMITS.text, 'a'))).toHaveLength(DOCUMENT_LIMITS.text);
  });
});

describe('a PDF', () => {
  it('is refused where it is too large for one request', () => {
    const message = 'The PDF document has 14,000,001 bytes, above the limit of 14 MB for one PDF document; split it.';
    expect(() => checkPdf(Buffer.alloc(DOCUMENT_LIMITS.pdf + 1))).toThrow(message);
    expect(() => checkPdf(Buffer.alloc(DOCUMENT_LIMITS.pdf))).not.toThrow();
  });
});
