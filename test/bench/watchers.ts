import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Endpoint } from '../support/http.ts';
import { nowMs } from './engine-events.ts';

/**
 * Many watchers in a process of their own (`watch.ts` forks it): none shares the server's or the writer's event loop.
 * Each reads every byte, and looks in each line for what a change carries: its number and when it was sent.
 */
export interface Orders {
  endpoint: Endpoint;
  path: string;
  watchers: number;
  changes: number;
}

export type Told =
  | { is: 'watching' }
  | { is: 'done'; delays: readonly number[]; watchersWithAll: number; outOfOrder: number };

/** What the changes carry, as it stands in a line of JSON. */
const MARK = /"bench\/change":"(\d+) ([\d.]+)"/;
const tell = (told: Told): void => void process.send?.(told);

class Watcher {
  seen = 0;
  outOfOrder = 0;
  #rest = '';

  read(chunk: string, delays: Float64Array, changes: number): void {
    const at = nowMs();
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, number, sent] = MARK.exec(line) ?? [];
      if (number === undefined || sent === undefined) continue;
      if (Number(number) !== this.seen) this.outOfOrder++;
      delays[used++] = at - Number(sent);
      if (++this.seen === changes) left--;
    }
  }
}

let used = 0;
let left = 0;

process.once('message', (orders: Orders) => void watchAll(orders));

async function watchAll({ endpoint, path, watchers: count, changes }: Orders): Promise<void> {
  const delays = new Float64Array(count * changes * 2);
  const agent = new Agent({ ca: endpoint.ca, keepAlive: true, maxSockets: Infinity });
  const watchers = Array.from({ length: count }, () => new Watcher());
  left = count;
  for (const watcher of watchers) {
    const response = await open(endpoint, agent, path);
    response.setEncoding('latin1');
    response.on('data', (chunk: string) => watcher.read(chunk, delays, changes));
    response.on('error', () => undefined);
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
    agent.destroy();
  });
  const look = setInterval(() => {
    if (left > 0) return;
    clearInterval(look);
    done();
  }, 20);
  look.unref();
}

const open = (endpoint: Endpoint, agent: Agent, path: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(endpoint.url);
    const headers = { authorization: `Bearer ${endpoint.token}` };
    request({ hostname, port, path, agent, headers }, resolve).on('error', reject).end();
  });
