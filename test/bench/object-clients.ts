import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/**
 * Clients of a web server over plain sockets, in a process of their own (`objects.ts` forks it). Bodies that come are counted and
 * not kept; bodies that go are one buffer, again and again: two cores serve them and the server.
 */
export interface ObjectOrders {
  port: number;
  clients: number;
  /** Each client takes the next one when it is done with its last. */
  requests: readonly { head: string; bodyBytes: number }[];
}

export interface ObjectsMoved {
  /** From the first request to the last answer. */
  seconds: number;
  /** Of each request. */
  tookMs: readonly number[];
}

const HEAD_END = '\r\n\r\n';
const LENGTH = /^content-length: *(\d+)\r?$/im;
const CHUNK = Buffer.alloc(256 << 10);
for (let at = 0; at < CHUNK.length; at++) CHUNK[at] = (at * 31 + (at >> 8)) & 0xff;

interface Answer {
  head: string;
  /** Bytes of its body that are still to come; known after its head. */
  left: number | undefined;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** One connection with at most one request under way. */
class Connection {
  readonly #socket: Socket;
  #answer: Answer | undefined;

  private constructor(port: number) {
    const callback = (count: number, buffer: Uint8Array) => {
      this.#read(buffer.subarray(0, count));
      return true;
    };
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer: Buffer.allocUnsafe(CHUNK.length), callback },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  static async open(port: number): Promise<Connection> {
    const connection = new Connection(port);
    await once(connection.#socket, 'connect');
    return connection;
  }

  async ask(head: string, bodyBytes: number): Promise<void> {
    const answered = new Promise<void>(
      (resolve, reject) => (this.#answer = { head: '', left: undefined, resolve, reject }),
    );
    await Promise.all([this.#send(head, bodyBytes), answered]);
  }

  close(): void {
    this.#answer = undefined;
    this.#socket.destroy();
  }

  async #send(head: string, bodyBytes: number): Promise<void> {
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    process.nextTick(() => this.#socket.uncork());
    for (let left = bodyBytes; left > 0; left -= CHUNK.length) {
      const isTaken = this.#socket.write(left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK);
      if (!isTaken && !this.#socket.destroyed) await once(this.#socket, 'drain');
    }
  }

  #read(data: Uint8Array): void {
    const answer = this.#answer;
    if (!answer) return this.#fail(new Error('bytes that nobody has asked for'));
    let body = data.length;
    if (answer.left === undefined) {
      const before = answer.head.length;
      answer.head += Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
      const end = answer.head.indexOf(HEAD_END);
      if (end < 0) return;
      body -= end + HEAD_END.length - before;
      answer.head = answer.head.slice(0, end);
      answer.left = Number(LENGTH.exec(answer.head)?.[1] ?? 0);
    }
    answer.left -= body;
    if (answer.left > 0) return;
    this.#answer = undefined;
    if (answer.left === 0 && /^HTTP\/1.1 20[0-4] /.test(answer.head)) answer.resolve();
    else answer.reject(new Error(`${answer.left} bytes too few, or a refusal: ${answer.head}`));
  }

  #fail(error: Error): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.reject(error);
    this.#socket.destroy();
  }
}

async function move({ port, clients, requests }: ObjectOrders): Promise<ObjectsMoved> {
  const connections = await Promise.all(Array.from({ length: clients }, () => Connection.open(port)));
  const tookMs: number[] = [];
  let next = 0;
  const work = async (connection: Connection) => {
    for (let request = requests[next++]; request; request = requests[next++]) {
      const at = performance.now();
      await connection.ask(request.head, request.bodyBytes);
      tookMs.push(performance.now() - at);
    }
  };
  const began = performance.now();
  await Promise.all(connections.map(work));
  const seconds = (performance.now() - began) / 1_000;
  for (const connection of connections) connection.close();
  return { seconds, tookMs };
}

process.on('message', (orders: ObjectOrders) => {
  void move(orders).then(
    (moved) => process.send?.(moved),
    (error: Error) => process.send?.({ failure: error.message }),
  );
});
