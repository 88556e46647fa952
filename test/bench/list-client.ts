import { once } from 'node:events';
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

/** What it is told on its standard input: a process list shows no token. */
export interface ListOrder {
  url: string;
  path: string;
  ca: string;
  token: string;
  lists: number;
  headers: Record<string, string>;
}

export interface Listed {
  /** The bytes of each. */
  sizes: number[];
  /** From the first request to the last byte. */
  seconds: number;
}

/** A process of its own: what it reads costs nobody else's event loop. Prints how many bytes each list had, and how long all took. */
const order = JSON.parse(await text(process.stdin)) as ListOrder;
const agent = new Agent({ ca: order.ca, maxSockets: order.lists });
const began = performance.now();
const sizes = await Promise.all(Array.from({ length: order.lists }, oneList));
process.stdout.write(JSON.stringify({ sizes, seconds: (performance.now() - began) / 1_000 } satisfies Listed));

async function oneList(): Promise<number> {
  const headers = { ...order.headers, authorization: `Bearer ${order.token}` };
  const request = httpsRequest(`${order.url}${order.path}`, { agent, headers }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`a list was answered ${response.statusCode}`);
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  return bytes;
}
