import { connect } from 'node:net';
import type { Socket } from 'node:net';

/**
 * Many clients of one web server in a process of their own (`hitless.ts` forks it): some keep their connection, some take a new one
 * for each request. Plain sockets without a library's parsing: two cores serve them, the proxy, the servers and the daemon.
 * Every request that was sent is counted once, as answered or as failed, and nothing is ever sent again.
 */
export interface ClientOrders {
  port: number;
  keepAlive: number;
  closing: number;
}

export interface ClientCounts {
  answered: { keepAlive: number; closing: number };
  /** What became of a request that had no whole answer 200, and when, milliseconds since the epoch. */
  failures: readonly { sort: Sort; what: string; at: number }[];
}

type Sort = 'keepAlive' | 'closing';

const HEAD_END = '\r\n\r\n';
const LENGTH = /^content-length: *(\d+)\r?$/im;
/** As long as a person would wait. */
const PATIENCE_MS = 30_000;
/** One of the clients without a connection takes this long before the next: the system has 28,000 ports for a minute. */
const CLOSING_PAUSE_MS = 20;
const REQUEST: Record<Sort, Buffer> = {
  keepAlive: Buffer.from('GET / HTTP/1.1\r\nhost: bench\r\n\r\n'),
  closing: Buffer.from('GET / HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n'),
};

const counts = { answered: { keepAlive: 0, closing: 0 }, failures: [] as ClientCounts['failures'][number][] };
let stopping = false;

/** One connection with at most one request under way. */
class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #end: ((failure: string | undefined) => void) | undefined;

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.setTimeout(PATIENCE_MS, () => this.#finish('no answer in time'));
    this.#socket.on('data', (data) => this.#read(data));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#finish(error.code ?? error.message));
    this.#socket.on('close', () => this.#finish('the connection was closed'));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.readable;
  }

  ask(request: Buffer): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#end = resolve;
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
    const length = Number(LENGTH.exec(head)?.[1] ?? 0);
    if (this.#received.length < headEnd + HEAD_END.length + length) return;
    this.#received = Buffer.alloc(0);
    const status = head.slice('HTTP/1.1 '.length).slice(0, 3);
    this.#finish(status === '200' ? undefined : `answered ${status}`);
  }

  #finish(failure: string | undefined): void {
    const end = this.#end;
    this.#end = undefined;
    end?.(failure);
  }
}

function count(sort: Sort, failure: string | undefined): void {
  if (failure === undefined) counts.answered[sort]++;
  else counts.failures.push({ sort, what: failure, at: Date.now() });
}

async function keeping(port: number): Promise<void> {
  let connection = new Connection(port);
  while (!stopping) {
    const failure = await connection.ask(REQUEST.keepAlive);
    count('keepAlive', failure);
    if (failure !== undefined || !connection.isOpen) {
      connection.close();
      connection = new Connection(port);
    }
  }
  connection.close();
}

async function closing(port: number): Promise<void> {
  while (!stopping) {
    const connection = new Connection(port);
    count('closing', await connection.ask(REQUEST.closing));
    connection.close();
    await new Promise((resolve) => setTimeout(resolve, CLOSING_PAUSE_MS));
  }
}

let running: Promise<void>[] = [];
process.on('message', (message: ClientOrders | 'count' | 'stop') => {
  if (message === 'count') return void process.send?.(counts);
  if (message === 'stop') {
    stopping = true;
    void Promise.all(running).then(() => process.send?.(counts, () => process.disconnect()));
    return;
  }
  const { port } = message;
  running = [
    ...Array.from({ length: message.keepAlive }, () => keeping(port)),
    ...Array.from({ length: message.closing }, () => closing(port)),
  ];
});
