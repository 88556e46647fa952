import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';

/** How the server's certificate is checked. */
export interface Trust {
  ca?: string;
  servername?: string;
  rejectUnauthorized?: boolean;
}

interface Outgoing {
  method: string;
  headers: Record<string, string>;
  body: string | undefined;
  /** For the head of the answer, milliseconds; 0: no limit. */
  headTimeoutMs: number;
  /** For each piece of its body, milliseconds; 0: no limit. */
  bodyTimeoutMs: number;
  signal: AbortSignal | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** No answer of this API is larger; a stream is not held back by it. */
const MAX_ANSWER_BYTES = 512 * 2 ** 20;

/** As what nothing came in time is thrown. */
export const NO_ANSWER = 'ERR_NO_ANSWER';
const lateError = (code: string) => Object.assign(new Error('no answer in time'), { code });

/**
 * Requests over kept connections. Node's own client and no library: the one that was used took longer to load than a
 * command may take.
 */
export class Https {
  readonly #agent: Agent;

  constructor(trust: Trust) {
    this.#agent = new Agent({ ...trust, keepAlive: true });
  }

  /** Resolves when the head of the answer is there; its body is read, or destroyed, by the caller. */
  open(
    url: string,
    { method, headers, body, headTimeoutMs, bodyTimeoutMs, signal }: Outgoing,
  ): Promise<IncomingMessage> {
    // Said, as Node sends a body of a DELETE without its length.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const asked = request(url, {
        agent: this.#agent,
        method,
        headers: { ...headers, ...length },
        ...(signal && { signal }),
      });
      const late = (code: string) => asked.destroy(lateError(code));
      const head = headTimeoutMs > 0 ? setTimeout(late, headTimeoutMs, NO_ANSWER) : undefined;
      asked.once('socket', (socket) => {
        if (!socket.connecting) return;
        const limit = setTimeout(late, CONNECT_TIMEOUT_MS, 'ETIMEDOUT');
        socket.once('secureConnect', () => clearTimeout(limit)).once('close', () => clearTimeout(limit));
      });
      asked.once('close', () => clearTimeout(head));
      asked.once('error', reject);
      asked.once('response', (answer) => {
        clearTimeout(head);
        answer.setTimeout(bodyTimeoutMs, () => answer.destroy(lateError(NO_ANSWER)));
        resolve(answer);
      });
      asked.end(body);
    });
  }

  /** Ends everything that is under way. */
  close(): void {
    this.#agent.destroy();
  }
}

/** All of a body. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}
