import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export const json =
  (body: unknown, status = 200): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

/** A Docker API that misbehaves as it is told: what a real Engine does only when it dies. */
export interface FakeEngine {
  host: string;
  /** By method and path without the version: the first that begins so answers. Later ones go before earlier ones. */
  on(call: string, answer: Answer): void;
  /** The query of each connection to the event stream. */
  eventQueries: URLSearchParams[];
  emit(event: object): void;
  endEvents(): void;
  close(): Promise<void>;
}

export async function fakeEngine(): Promise<FakeEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'fake-engine-'));
  const answers: [string, Answer][] = [];
  const streams = new Set<ServerResponse>();
  const eventQueries: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://engine');
    const call = `${request.method} ${url.pathname.replace(/^\/v[\d.]+/, '')}`;
    const found = answers.find(([prefix]) => call.startsWith(prefix));
    if (found) found[1](response, request);
    else json({ message: `no answer for ${call}` }, 500)(response, request);
  });
  const on = (call: string, answer: Answer) => void answers.unshift([call, answer]);
  on('GET /_ping', (response) => response.writeHead(200, { 'api-version': '1.41' }).end('OK'));
  on('GET /events', (response, request) => {
    eventQueries.push(new URL(request.url ?? '', 'http://engine').searchParams);
    streams.add(response.writeHead(200));
    response.flushHeaders();
  });
  on('GET /networks', json([]));
  on('GET /containers/json', json([]));
  on('GET /volumes', json({ Volumes: [] }));
  const path = join(folder, 'docker.sock');
  await once(server.listen(path), 'listening');
  return {
    host: `unix://${path}`,
    on,
    eventQueries,
    emit: (event) => streams.forEach((stream) => stream.write(`${JSON.stringify(event)}\n`)),
    endEvents: () => {
      for (const stream of streams) stream.destroy();
      streams.clear();
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
