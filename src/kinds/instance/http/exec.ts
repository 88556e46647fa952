import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { API_VERSION } from '../../../api/metadata.ts';
import { PassError, StatusError } from '../../../base/errors.ts';
import type { Authenticator } from '../../../http/auth.ts';
import { isTrue } from '../../../http/context.ts';
import type { ApiContext } from '../../../http/context.ts';
import { converse } from './exec-session.ts';
import { containerOf } from './logs.ts';
import { lifetimeOf } from '../../../http/lifetime.ts';
import { statusOf } from '../../../http/status.ts';

/** A frame of standard input at most; clients send far less. */
const MAX_FRAME = 1 << 20;
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const EXEC_PATH = new RegExp(`^/apis/${API_VERSION}/namespaces/([^/]+)/instances/([^/]+)/exec$`);
/** How long a client may take to read why it was refused. */
const REFUSED_MS = 2_000;

/**
 * Commands inside an instance, over Kubernetes' WebSocket channels. Returns the upgrade handler for the server. A request
 * that is refused, and a handshake that fails, has done nothing: the command is begun on the connection that stands.
 */
export function execUpgrade(
  context: ApiContext,
  auth: Authenticator,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_FRAME,
    handleProtocols: (offered) => PROTOCOLS.find((p) => offered.has(p)) ?? false,
  });
  const refuse = (socket: Duplex, error: unknown) => refuseUpgrade(socket, error, context);
  server.on('wsClientError', (error, socket) => refuse(socket, new StatusError('BadRequest', error.message)));
  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const credential = await auth.authenticate(request.headers.authorization);
    const url = new URL(request.url ?? '', 'https://localhost');
    const [namespace, name] = namesIn(url.pathname);
    checkProtocol(request.headers['sec-websocket-protocol']);
    const options = optionsOf(url.searchParams);
    const { id } = await containerOf(context, namespace, name);
    server.handleUpgrade(request, socket, head, (ws) => {
      const life = lifetimeOf(socket, context.closing, credential);
      void converse(ws, life, context, () => context.compute.exec(id, options, life.signal));
    });
  };
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    upgrade(request, socket, head).catch((error: unknown) => refuse(socket, error));
  };
}

function namesIn(path: string): [string, string] {
  const [, namespace, name] = EXEC_PATH.exec(path) ?? [];
  if (namespace === undefined || name === undefined)
    throw new StatusError('NotFound', `nothing can be upgraded at ${path}`);
  return [decoded(namespace), decoded(name)];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new StatusError('BadRequest', `"${part}" in the path has an escape that cannot be read`);
  }
}

/** A client that offers none speaks the oldest; one that offers others would end the connection that it gets. */
function checkProtocol(offered: string | undefined): void {
  if (offered === undefined || offered.split(',').some((one) => PROTOCOLS.includes(one.trim()))) return;
  throw new StatusError('BadRequest', `the WebSocket's subprotocol must be one of ${PROTOCOLS.join(', ')}`);
}

function optionsOf(query: URLSearchParams) {
  const command = query.getAll('command');
  if (command.length === 0) throw new StatusError('BadRequest', 'command is required');
  return { command, tty: isTrue(query.get('tty') ?? 'false'), stdin: isTrue(query.get('stdin') ?? 'false') };
}

/** The connection ends with the answer, though the client leaves its own side open. */
function refuseUpgrade(socket: Duplex, error: unknown, { clock }: ApiContext): void {
  const status =
    error instanceof StatusError
      ? error
      : new StatusError(
          'InternalError',
          error instanceof PassError ? error.message : 'the command could not be started',
        );
  const body = JSON.stringify(statusOf(status));
  const cut = clock.after(REFUSED_MS, () => socket.destroy());
  socket.once('close', () => cut.cancel());
  socket.end(
    `HTTP/1.1 ${status.code} ${status.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
