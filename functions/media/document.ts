import { ProofsheetError } from '../domain/errors.ts';
import { decodeText, textEncodingOf } from '../lib/text-encoding.ts';

/**
 * Most bytes of a document, whatever `--max-file-size` allows. A text of 2 MB is about half of what a model can read at
 * once; a PDF goes into a request of 20 MB in base64.
 */
export const DOCUMENT_LIMITS = { text: 2_000_000, pdf: 14_000_000 } as const;

/** The bytes of a text as UTF-8 without a mark: the same ones where it is so already. Errors: empty_file, file_too_large, unsupported_format. */
export function normalizeText(bytes: Uint8Array): Uint8Array {
  const encoding = textEncodingOf(bytes);
  if (encoding === undefined) {
    throw new ProofsheetError('unsupported_format', 'The encoding of the text is not known; save it as UTF-8.');
  }
  const text = decodeText(bytes, encoding);
  if (text.trim() === '')
    throw new ProofsheetError('empty_file', 'The text holds nothing but blanks; upload it again.');
  const normal = new TextEncoder().encode(text);
  checkSize(normal, 'text');
  return normal.length === bytes.length && encoding === 'utf-8' ? bytes : normal;
}

/** Error: file_too_large. */
export function checkPdf(bytes: Uint8Array): void {
  checkSize(bytes, 'pdf');
}

function checkSize(bytes: Uint8Array, kind: keyof typeof DOCUMENT_LIMITS): void {
  const limit = DOCUMENT_LIMITS[kind];
  if (bytes.length <= limit) return;
  const name = { text: 'text', pdf: 'PDF document' }[kind];
  throw new ProofsheetError(
    'file_too_large',
    `The ${name} has ${bytes.length.toLocaleString('en-US')} bytes, above the limit of ${limit / 1e6} MB for one ${name}; split it.`,
  );
}
