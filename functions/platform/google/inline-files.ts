import { randomUUID } from 'node:crypto';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';

/**
 * The files of one request. The SDK is given marks, and the files take their place as the request goes out: as a text within
 * JSON each is searched for characters to escape, which stops the process for 4 ms per megabyte, and is copied several times.
 */
export interface InlineFiles {
  /** What stands for the file in the request; it arrives in base64. */
  mark(bytes: Uint8Array): string;
  /** Sends a request whose body may hold marks and gives its whole answer. Waits as long as the signal lets it; errors are those of node:http. */
  fetch(address: RequestInfo | URL, init?: RequestInit): Promise<Response>;
}

export function inlineFiles(): InlineFiles {
  const files: { mark: string; bytes: Uint8Array }[] = [];
  return {
    mark(bytes) {
      const mark = `file-${randomUUID()}`;
      files.push({ mark, bytes });
      return mark;
    },
    async fetch(address, init = {}) {
      const body = typeof init.body === 'string' ? withFiles(init.body, files) : [];
      const answer = await send(new URL(address instanceof Request ? address.url : address), init, body);
      const content = await buffer(answer);
      return new Response(content, { status: answer.statusCode ?? 0, headers: headersOf(answer) });
    },
  };
}

function withFiles(json: string, files: readonly { mark: string; bytes: Uint8Array }[]): Buffer[] {
  const body: Buffer[] = [];
  let written = 0;
  for (const { mark, bytes } of files) {
    const at = json.indexOf(mark, written);
    if (at < 0) continue;
    body.push(Buffer.from(json.slice(written, at)), inBase64(bytes));
    written = at + mark.length;
  }
  body.push(Buffer.from(json.slice(written)));
  return body;
}

function inBase64({ buffer: memory, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(memory, byteOffset, byteLength).toString('base64'), 'latin1');
}

function send(url: URL, init: RequestInit, body: readonly Buffer[]): Promise<IncomingMessage> {
  const length = body.reduce((sum, piece) => sum + piece.byteLength, 0);
  const headers = { ...Object.fromEntries(new Headers(init.headers)), 'content-length': String(length) };
  const request = url.protocol === 'https:' ? secureRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: init.method ?? 'GET', headers, ...(init.signal && { signal: init.signal }) });
    sent.on('response', resolve).on('error', reject);
    for (const piece of body) sent.write(piece);
    sent.end();
  });
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '');
  return headers;
}
