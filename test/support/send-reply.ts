import type { ServerResponse } from 'node:http';
import type { Fault } from './gemini-replies.ts';

export function sendJson(response: ServerResponse, status: number, body: string | Buffer): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

/** `body` is the answer that `cut` and `stall` begin to send. */
export function sendFault(response: ServerResponse, fault: Fault, body: string | Buffer): void {
  if (fault.kind === 'error') sendJson(response, fault.http, JSON.stringify(fault.body));
  if (fault.kind === 'broken-json') sendJson(response, 200, '{"candidates": [{"content": ');
  if (fault.kind === 'reset') response.socket?.resetAndDestroy();
  if (fault.kind === 'html') {
    response.writeHead(fault.http ?? 200, { 'content-type': 'text/html' });
    response.end(fault.html ?? '<html><body>Sign in to the network</body></html>');
  }
  if (fault.kind === 'cut' || fault.kind === 'stall') {
    const whole = Buffer.from(body);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': whole.length });
    response.write(whole.subarray(0, Math.floor(whole.length / 2)), () => {
      if (fault.kind === 'cut') response.destroy();
    });
  }
}
