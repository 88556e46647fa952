import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './answer.ts';

/** What a body begins with is known to be right before the head is sent: until then it can be refused. */
export async function send(
  raw: IncomingMessage,
  response: ServerResponse,
  { status = 200, headers = {}, body }: Answer,
): Promise<void> {
  const isHead = raw.method === 'HEAD';
  if (body === undefined || typeof body === 'string') {
    const length = { 'content-length': String(Buffer.byteLength(body ?? '')) };
    response.writeHead(status, { ...(status === 204 ? {} : isHead ? {} : length), ...headers });
    response.end(isHead ? undefined : body);
    return;
  }
  const pieces = body[Symbol.asyncIterator]();
  try {
    let next = await pieces.next();
    response.writeHead(status, headers);
    // All of a small body goes out with its head.
    if (!next.done && String(next.value.length) === headers['content-length']) return void response.end(next.value);
    for (; !next.done; next = await pieces.next()) await written(response, next.value);
    response.end();
  } finally {
    await pieces.return?.();
  }
}

/** Once there is room for more. Throws when the client has gone. */
async function written(response: ServerResponse, piece: Buffer): Promise<void> {
  if (response.write(piece)) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      response.off('drain', end).off('close', end);
      resolve();
    };
    if (response.destroyed) return resolve();
    response.once('drain', end).once('close', end);
  });
  if (response.destroyed) throw new Error('the client has closed the connection');
}
