import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { engineAddress } from './engine.ts';

/** What becomes of one request on its way to the Engine and back. */
export type WireFault =
  /** The Engine never sees it, and the daemon reads this instead of its answer. */
  | { is: 'refused'; status: number; message: string }
  /** The connection ends before the Engine sees it. */
  | { is: 'cut' }
  /** It is done, and the connection ends instead of the answer. */
  | { is: 'lost' }
  /** It is done, and the connection ends in the middle of the answer: of its body, or of its head when it has none. */
  | { is: 'broken' }
  /** It is done, and the answer comes `ms` milliseconds later. */
  | { is: 'late'; ms: number }
  /** The Engine never sees it, and there is no answer. */
  | { is: 'silent' };

/** The Engine behind a socket that passes everything on, but for one request that would change something. */
export interface FaultyEngine {
  /** A value for `DOCKER_HOST`. */
  host: string;
  /** Counts anew; the `at`-th changing request from now on, from 1, meets the fault. */
  arm(at?: number, fault?: WireFault): void;
  /** From now on no request that this finds is answered, and the Engine sees none of them; `undefined`: all are. */
  silence(matches: ((request: { method: string; path: string }) => boolean) | undefined): void;
  /** The changing requests since it was armed, without what differs from run to run: `POST /containers/…/start`. */
  changes(): readonly string[];
  /** Whether the fault has happened. */
  struck(): boolean;
  close(): Promise<void>;
}

export async function faultyEngine(): Promise<FaultyEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'faulty-engine-'));
  const path = join(folder, 'docker.sock');
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  let changes: string[] = [];
  let armed: { at: number; fault: WireFault } | undefined;
  let struck = false;
  let silenced: Parameters<FaultyEngine['silence']>[0];

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (silenced?.({ method: request.method ?? 'GET', path: pathOf(request) })) return void request.resume();
    const change = changeOf(request);
    if (change !== undefined) changes.push(change);
    const fault = change !== undefined && armed?.at === changes.length ? armed.fault : undefined;
    if (!fault) return relay(await passOn(request, response, agent), response);
    struck = true;
    return strike(fault, request, response, agent);
  };
  const server = createServer((request, response) => {
    // The Engine's end of the connection was cut: so is the daemon's.
    serve(request, response).catch(() => request.socket.destroy());
  });
  server.requestTimeout = 0;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  server.on('upgrade', upgrade).listen(path);
  await once(server, 'listening');
  return {
    host: `unix://${path}`,
    arm(at, fault) {
      changes = [];
      struck = false;
      armed = at === undefined || fault === undefined ? undefined : { at, fault };
    },
    silence(matches) {
      silenced = matches;
    },
    changes: () => changes,
    struck: () => struck,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Without the API's version and the query. */
const pathOf = ({ url = '/' }: IncomingMessage): string => url.replace(/^\/v[\d.]+(?=\/)/, '').replace(/\?.*$/, '');

/** `undefined`: it changes nothing that lasts. */
function changeOf(request: IncomingMessage): string | undefined {
  const { method = 'GET' } = request;
  const path = pathOf(request);
  if (method === 'GET' || method === 'HEAD' || /\/(exec|attach|logs|_ping)(\/|$)/.test(path)) return undefined;
  return `${method} ${path.replace(/^(\/(?:containers|networks|volumes|images)\/)(?!create$)[^/]+/, '$1…')}`;
}

async function strike(
  fault: WireFault,
  request: IncomingMessage,
  response: ServerResponse,
  agent: Agent,
): Promise<void> {
  const { socket } = request;
  switch (fault.is) {
    case 'refused':
      request.resume();
      response.writeHead(fault.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message: fault.message }));
      return;
    case 'cut':
      socket.destroy();
      return;
    case 'lost':
      await buffer(await passOn(request, response, agent));
      socket.destroy();
      return;
    case 'broken':
      socket.end(await firstHalf(await passOn(request, response, agent)), () => socket.destroy());
      return;
    case 'late': {
      const answer = await passOn(request, response, agent);
      await pause(fault.ms);
      return relay(answer, response);
    }
    case 'silent':
      request.resume();
  }
}

async function passOn(request: IncomingMessage, response: ServerResponse, agent: Agent): Promise<IncomingMessage> {
  const { method, url, headers } = request;
  const onward = httpRequest({ ...target(), method, path: url, headers, agent });
  // What nobody waits for any longer, an event stream say, ends at the Engine too.
  response.once('close', () => onward.destroy());
  request.pipe(onward);
  onward.on('error', () => request.socket.destroy());
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  return answer;
}

function relay(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  response.flushHeaders(); // of an event stream, which may say nothing for long
  answer.on('aborted', () => response.destroy()).pipe(response);
}

async function firstHalf(answer: IncomingMessage): Promise<Buffer> {
  const body = await buffer(answer);
  const length = body.length > 0 ? `Content-Length: ${body.length}\r\n` : '';
  const head = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nContent-Type: application/json\r\n${length}\r\n`;
  if (body.length === 0) return Buffer.from(head.slice(0, head.length / 2));
  return Buffer.concat([Buffer.from(head), body.subarray(0, body.length / 2)]);
}

/** An exec's or an attachment's connection: its bytes, as they are, both ways. */
function upgrade(request: IncomingMessage, near: Duplex, first: Buffer): void {
  const far = connect({ ...engineAddress(), allowHalfOpen: true });
  const headers = request.rawHeaders.flatMap((name, i, all) => (i % 2 === 0 ? `${name}: ${all[i + 1]}\r\n` : []));
  far.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers.join('')}\r\n`);
  far.write(first);
  near.on('error', () => far.destroy()).on('close', () => far.destroy());
  far.on('error', () => near.destroy()).on('close', () => near.destroy());
  near.pipe(far).pipe(near);
}

function target(): { socketPath: string } | { host: string; port: number } {
  const address = engineAddress();
  return 'path' in address ? { socketPath: address.path } : address;
}
