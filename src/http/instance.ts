import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { API_VERSION } from '../api/metadata.ts';
import { kindOfPlural } from '../api/registry.ts';
import { notFound } from '../admission/operations.ts';
import { messageOf, PassError, StatusError } from '../base/errors.ts';
import { valueOf } from '../base/observed.ts';
import type { Container, ExecSession } from '../drivers/compute.ts';
import type { Authenticator } from './auth.ts';
import { isTrue, numberOf, queryOf } from './context.ts';
import { lifetimeOf } from './lifetime.ts';
import type { ApiContext } from './context.ts';
import { statusOf } from './status.ts';
import { send } from './watch.ts';

const MOST_LINES = 1_000_000;
/** A frame of standard input at most; clients send far less. */
const MAX_FRAME = 1 << 20;
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4 } as const;
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

/** The instance's container. Throws NotFound for no instance and Conflict for one that has no container now. */
async function containerOf(context: ApiContext, namespace: string, name: string): Promise<Container> {
  const kind = kindOfPlural('instances');
  const instance = (await context.store.current()).get({ kind: 'Instance', namespace, name });
  if (!instance) throw kind ? notFound(kind, name) : new Error('no kind has instances');
  const containers = context.compute.containers(instance.metadata.uid);
  if (containers.state === 'unobservable') throw new StatusError('ServiceUnavailable', containers.why);
  const container = valueOf(containers)?.[0];
  if (!container)
    throw new StatusError(
      'Conflict',
      `Instance ${namespace}/${name} has no container now: miniaws why instance/${name} tells why`,
    );
  return container;
}

export function logRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get(`/apis/${API_VERSION}/namespaces/:namespace/instances/:name/log`, async (request, reply) => {
    const { namespace = '', name = '' } = request.params as { namespace?: string; name?: string };
    await streamLog(request, reply, context, await containerOf(context, namespace, name));
  });
}

async function streamLog(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  container: Container,
): Promise<void> {
  const query = queryOf(request);
  const since = query['sinceSeconds']
    ? new Date(context.clock.now().getTime() - numberOf(query, 'sinceSeconds', 0, 10 ** 9) * 1000)
    : undefined;
  const options = {
    follow: query['follow'] !== undefined && isTrue(query['follow']),
    ...(query['tailLines'] ? { tail: numberOf(query, 'tailLines', 0, MOST_LINES) } : {}),
    ...(since ? { since } : {}),
    timestamps: query['timestamps'] !== undefined && isTrue(query['timestamps']),
  };
  const { signal, end } = lifetimeOf(request, context.closing);
  reply.raw.once('close', end);
  const chunks = context.compute.logs(container.id, options, signal)[Symbol.asyncIterator]();
  // The first chunk is waited for before the head is sent, so that a failure can still be told as one.
  const first = options.follow ? undefined : await chunks.next();
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  reply.raw.flushHeaders();
  try {
    for (let next = first ?? (await chunks.next()); !next.done; next = await chunks.next())
      await send(reply.raw, next.value.data, signal);
  } catch (error) {
    if (!signal.aborted) context.log.debug({ err: messageOf(error) }, 'log stream ended');
  } finally {
    reply.raw.end();
  }
}

const EXEC_PATH = new RegExp(`^/apis/${API_VERSION}/namespaces/([^/]+)/instances/([^/]+)/exec$`);

/** Commands inside an instance, over Kubernetes' WebSocket channels. Returns the upgrade handler for the server. */
export function execUpgrade(
  context: ApiContext,
  auth: Authenticator,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME,
    handleProtocols: (offered) => PROTOCOLS.find((p) => offered.has(p)) ?? false,
  });
  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    await auth.authenticate(request.headers.authorization);
    const url = new URL(request.url ?? '', 'https://localhost');
    const [, namespace, name] = EXEC_PATH.exec(url.pathname) ?? [];
    if (namespace === undefined || name === undefined)
      throw new StatusError('NotFound', `nothing can be upgraded at ${url.pathname}`);
    const container = await containerOf(context, decodeURIComponent(namespace), decodeURIComponent(name));
    const command = url.searchParams.getAll('command');
    if (command.length === 0) throw new StatusError('BadRequest', 'command is required');
    const [tty, stdin] = [
      isTrue(url.searchParams.get('tty') ?? 'false'),
      isTrue(url.searchParams.get('stdin') ?? 'false'),
    ];
    const session = await context.compute.exec(container.id, { command, tty, stdin });
    server.handleUpgrade(request, socket, head, (ws) => void attach(ws, session));
  };
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    upgrade(request, socket, head).catch((error: unknown) => refuseUpgrade(socket, error));
  };
}

function refuseUpgrade(socket: Duplex, error: unknown): void {
  const status =
    error instanceof StatusError
      ? error
      : new StatusError(
          'InternalError',
          error instanceof PassError ? error.message : 'the command could not be started',
        );
  const body = JSON.stringify(statusOf(status));
  socket.end(
    `HTTP/1.1 ${status.code} ${status.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

async function attach(ws: WebSocket, session: ExecSession): Promise<void> {
  const frame = (channel: number, data: Buffer) => Buffer.concat([Buffer.from([channel]), data]);
  ws.on('message', (data: Buffer) => receive(data, session));
  ws.on('close', () => session.close());
  ws.on('error', () => session.close());
  try {
    for await (const chunk of session.output) {
      await new Promise<void>((resolve) => ws.send(frame(CHANNEL[chunk.stream], chunk.data), () => resolve()));
    }
    ws.send(frame(CHANNEL.status, Buffer.from(JSON.stringify(exitStatus(await session.exitCode())))));
  } catch (error) {
    ws.send(
      frame(CHANNEL.status, Buffer.from(JSON.stringify(statusOf(new StatusError('InternalError', messageOf(error)))))),
    );
  } finally {
    ws.close(1000);
  }
}

function receive(data: Buffer, session: ExecSession): void {
  const [channel, rest] = [data[0], data.subarray(1)];
  if (channel === CHANNEL.stdin) session.write(rest);
  else if (channel === 0xff && rest[0] === CHANNEL.stdin) session.closeInput();
  else if (channel === CHANNEL.resize) resize(rest, session);
}

function resize(data: Buffer, session: ExecSession): void {
  try {
    const { Width, Height } = JSON.parse(data.toString('utf8')) as { Width?: unknown; Height?: unknown };
    if (typeof Width === 'number' && typeof Height === 'number')
      void session.resize(Width, Height).catch(() => undefined);
  } catch {
    // A frame that is no size changes no size.
  }
}

function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
