import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import type { Resource } from '../../src/api/metadata.ts';
import type { TestDaemon } from './daemon.ts';
import { eventually } from './wait.ts';

export type Endpoint = Pick<TestDaemon, 'url' | 'ca' | 'token'>;

export interface RawRequest {
  headers?: Record<string, string>;
  /** Text and bytes are sent as they are, anything else as JSON. */
  body?: unknown;
  /** Without the key. */
  anonymous?: boolean;
}

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The parsed body; throws when it is not JSON. */
  json: <T = Record<string, unknown>>() => T;
}

/** A Status as a refusal carries it. */
export interface Refusal {
  kind: string;
  status: string;
  reason: string;
  code: number;
  message: string;
  details: { name?: string; kind?: string; group?: string; causes?: { field?: string; message: string }[] };
}

const agents = new WeakMap<Endpoint, Agent>();

/** Kept connections, as clients have; `ca` is checked. */
function agentOf(endpoint: Endpoint): Agent {
  const agent = agents.get(endpoint) ?? new Agent({ ca: endpoint.ca, keepAlive: true, maxSockets: 32 });
  agents.set(endpoint, agent);
  return agent;
}

function open(endpoint: Endpoint, method: string, path: string, options: RawRequest): Promise<IncomingMessage> {
  const { body } = options;
  const data = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const { hostname, port } = new URL(endpoint.url);
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(
      {
        hostname,
        port,
        method,
        path,
        agent: agentOf(endpoint),
        headers: {
          ...(options.anonymous ? {} : { authorization: `Bearer ${endpoint.token}` }),
          ...(data === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }),
          ...options.headers,
        },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(data);
  });
}

/** One request as any client would send it: the answer as it came, refusals included. */
export async function call(
  endpoint: Endpoint,
  method: string,
  path: string,
  options: RawRequest = {},
): Promise<RawAnswer> {
  const response = await open(endpoint, method, path, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: <T>() => JSON.parse(text) as T,
  };
}

export interface WatchedEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: Resource & { reason?: string; code?: number; rows?: unknown[]; columnDefinitions?: unknown[] };
}

export interface RawWatch {
  events: WatchedEvent[];
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
  /** The first event, of those before and to come, that is as asked for. */
  next: (what: string, matches: (event: WatchedEvent) => boolean) => Promise<WatchedEvent>;
  response: IncomingMessage;
  close: () => void;
}

/** A watch that collects its lines. */
export async function watch(endpoint: Endpoint, path: string, headers: Record<string, string> = {}): Promise<RawWatch> {
  const response = await open(endpoint, 'GET', path, { headers });
  const events: WatchedEvent[] = [];
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    events.push(...lines.map((line) => JSON.parse(line) as WatchedEvent));
  });
  const ended = new Promise<void>((resolve) => response.once('close', resolve));
  response.on('error', () => undefined);
  return {
    events,
    ended,
    response,
    next: (what, matches) => eventually(what, () => events.find(matches)),
    close: () => response.destroy(),
  };
}

export interface Executed {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The path and query of a command inside an instance. */
export function execPath(name: string, command: readonly string[], stdin = false, namespace = 'default'): string {
  const query = new URLSearchParams([
    ...command.map((word): [string, string] => ['command', word]),
    ['stdin', String(stdin)],
  ]);
  return `/apis/miniaws.dev/v1/namespaces/${namespace}/instances/${name}/exec?${query.toString()}`;
}

/** Its WebSocket, as a client opens it. */
export const execSocket = (
  endpoint: Endpoint,
  path: string,
  protocols: string | string[] = 'v5.channel.k8s.io',
): WebSocket =>
  new WebSocket(`${endpoint.url.replace('https', 'wss')}${path}`, protocols, {
    ca: endpoint.ca,
    headers: { authorization: `Bearer ${endpoint.token}` },
  });

/** A command inside an instance, over the API's WebSocket. */
export function exec(
  endpoint: Endpoint,
  instance: { namespace?: string; name: string },
  command: readonly string[],
  stdin?: string,
): Promise<Executed> {
  const socket = execSocket(endpoint, execPath(instance.name, command, stdin !== undefined, instance.namespace));
  const output = ['', '', '', ''];
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      if (stdin === undefined) return;
      socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(stdin)]));
      socket.send(Buffer.from([0xff, 0]));
    });
    socket.on('message', (data: Buffer) => (output[data[0] ?? 0] += data.subarray(1).toString('utf8')));
    socket.on('error', reject);
    socket.on('close', () => {
      const status = JSON.parse(output[3] || '{"message":"no status"}') as {
        status?: string;
        message?: string;
        details?: { causes?: { reason: string; message: string }[] };
      };
      const code = status.details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message;
      if (status.status !== 'Success' && code === undefined) return reject(new Error(status.message));
      resolve({ exitCode: Number(code ?? 0), stdout: output[1] ?? '', stderr: output[2] ?? '' });
    });
  });
}

/** Waits until the web server behind a published port says `text`: one that runs need not listen yet. */
export function serves(port: number, text: string): Promise<boolean> {
  return eventually(`"${text}" on port ${port}`, async () =>
    (await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) })).text()).includes(text),
  );
}
