import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../support/http.ts';
import { nowMs } from './engine-events.ts';

/**
 * Many watchers in a process of their own (`watch.ts` forks it): none shares the server's or the writer's event loop.
 * Each reads every byte, and looks in each line for what a change carries: its number and when it was sent. The
 * connections are plain ones, without a library's parsing: two cores serve a thousand clients and the server.
 */
export interface Orders {
  endpoint: Omit<Endpoint, 'token'>;
  /** Each watcher has the next of them. */
  tokens: readonly string[];
  path: string;
  watchers: number;
  changes: number;
}

export type Told =
  | { is: 'watching' }
  | { is: 'done'; delays: readonly number[]; watchersWithAll: number; outOfOrder: number };

/** What a change carries, as it stands in its line of JSON: its number and when it was sent, with a space between. */
const MARK = '"bench/change":"';
const END_OF_LINE = 0x0a;
const tell = (told: Told): void => void process.send?.(told);

class Watcher {
  seen = 0;
  outOfOrder = 0;
  #rest: Buffer = Buffer.alloc(0);

  read(data: Buffer, delays: Float64Array, changes: number): void {
    const at = nowMs();
    const text = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    const end = text.lastIndexOf(END_OF_LINE) + 1;
    for (let mark = text.indexOf(MARK); mark >= 0 && mark < end; mark = text.indexOf(MARK, mark + 1)) {
      const from = mark + MARK.length;
      const [number, sent] = text.toString('latin1', from, text.indexOf('"', from)).split(' ');
      if (Number(number) !== this.seen) this.outOfOrder++;
      delays[used++] = at - Number(sent);
      if (++this.seen === changes) left--;
    }
    this.#rest = text.subarray(end);
  }
}

let used = 0;
let left = 0;

process.once('message', (orders: Orders) => void watchAll(orders));

async function watchAll({ endpoint, tokens, path, watchers: count, changes }: Orders): Promise<void> {
  const delays = new Float64Array(count * changes * 2);
  const watchers = Array.from({ length: count }, () => new Watcher());
  const sockets: TLSSocket[] = [];
  left = count;
  for (const [n, watcher] of watchers.entries()) {
    const socket = await open({ ...endpoint, token: tokens[n % tokens.length] ?? '' }, path);
    socket.on('data', (data) => watcher.read(data, delays, changes));
    sockets.push(socket);
  }
  tell({ is: 'watching' });
  const done = () =>
    tell({
      is: 'done',
      delays: [...delays.subarray(0, used)],
      watchersWithAll: watchers.filter((w) => w.seen === changes).length,
      outOfOrder: watchers.reduce((sum, w) => sum + w.outOfOrder, 0),
    });
  process.once('message', () => {
    done();
    process.disconnect();
    for (const socket of sockets) socket.destroy();
  });
  const look = setInterval(() => {
    if (left > 0) return;
    clearInterval(look);
    done();
  }, 20);
  look.unref();
}

/** Resolves when the answer has begun: from then on there is a watch. */
async function open({ url, ca, token }: Endpoint, path: string): Promise<TLSSocket> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), ca });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  if (!head.toString('latin1').startsWith('HTTP/1.1 200 ')) throw new Error(`no watch: ${head.toString('latin1')}`);
  return socket;
}
