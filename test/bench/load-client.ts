import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../support/http.ts';

const HEAD_END = '\r\n\r\n';
const LENGTH = /^content-length: (\d+)\r?$/im;

/**
 * One kept connection that sends requests made ready before the clock runs, as the floor's statements are: two cores
 * serve the client, the daemon and PostgreSQL, and what a client of the API takes of them is not what is measured.
 */
export class LoadClient {
  readonly #socket: TLSSocket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: { resolve: (status: number) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#read(data));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the daemon closed the connection')));
  }

  static async open({ url, ca }: Endpoint): Promise<LoadClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), ca });
    await once(socket, 'secureConnect');
    return new LoadClient(socket);
  }

  /** Answers the status, once the whole answer is here. One at a time. */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const length = LENGTH.exec(head)?.[1];
    if (length === undefined) return this.#socket.destroy(new Error(`an answer without its length: ${head}`)) as never;
    if (this.#received.length < headEnd + HEAD_END.length + Number(length)) return;
    this.#received = Buffer.alloc(0);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(Number(head.slice('HTTP/1.1 '.length).slice(0, 3)));
  }
}

/** A POST of a JSON document, as bytes. */
export function postRequest({ url, token }: Endpoint, path: string, document: object): Buffer {
  const body = JSON.stringify(document);
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: ${new URL(url).host}`,
    `authorization: Bearer ${token}`,
    'user-agent: miniaws',
    'accept: application/json',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ].join('\r\n');
  return Buffer.from(`${head}${HEAD_END}${body}`);
}
