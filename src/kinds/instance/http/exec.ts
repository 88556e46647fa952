import { WebSocketServer } from 'ws';
import { apiRoot } from '../../../api/kind.ts';
import { API_VERSION, CORE_V1 } from '../../../api/metadata.ts';
import { StatusError } from '../../../base/errors.ts';
import type { ExecSession, Session } from '../../../drivers/compute.ts';
import { isTrue } from '../../../http/context.ts';
import type { ApiContext } from '../../../http/context.ts';
import { converse } from './exec-session.ts';
import { checkContainerName, containerOf } from './logs.ts';
import { SPDY_PROTOCOLS, SpdyPeer, streamsAsked } from './spdy-peer.ts';
import { webSocketPeer } from './websocket-peer.ts';
import { lifetimeOf } from '../../../http/lifetime.ts';
import { acceptSpdy, isSpdy } from '../../../http/spdy/upgrade.ts';
import { decoded, refuseUpgrade } from '../../../http/upgrades.ts';
import type { UpgradeRequest, UpgradeRoute } from '../../../http/upgrades.ts';

/** A frame of standard input at most; clients send far less. */
const MAX_FRAME = 1 << 20;
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

/** Begins what a session is with, in this container. */
type Begin = (id: string, signal: AbortSignal) => Promise<Session & Partial<Pick<ExecSession, 'exitCode'>>>;

/** What can be asked for, by the subresource. Throws BadRequest for a query that asks for nothing. */
const SESSIONS: Readonly<Record<string, (query: URLSearchParams, context: ApiContext) => Begin>> = {
  exec(query, { compute }) {
    const command = query.getAll('command');
    if (command.length === 0) throw new StatusError('BadRequest', 'command is required');
    const options = { command, tty: isAsked(query, 'tty'), stdin: isAsked(query, 'stdin') };
    return (id, signal) => compute.exec(id, options, signal);
  },
  attach(query, { compute }) {
    const stdin = isAsked(query, 'stdin');
    return (id, signal) => compute.attach(id, { stdin }, signal);
  },
};

const isAsked = (query: URLSearchParams, name: string): boolean => isTrue(query.get(name) ?? 'false');

/** Where a subresource of an instance is: its own, and that of its pod. */
export const subresourcePaths = (subresource: string): RegExp[] =>
  [
    `${apiRoot(API_VERSION)}/namespaces/(?<namespace>[^/]+)/instances`,
    `${apiRoot(CORE_V1)}/namespaces/(?<namespace>[^/]+)/pods`,
  ].map((collection) => new RegExp(`^${collection}/(?<name>[^/]+)/${subresource}$`));

/**
 * Commands inside an instance, and its own process, over Kubernetes' WebSocket channels. A request that is refused, and a
 * handshake that fails, has done nothing: the command is begun on the connection that stands.
 */
export function sessionRoutes(context: ApiContext): UpgradeRoute[] {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_FRAME,
    handleProtocols: (offered) => PROTOCOLS.find((p) => offered.has(p)) ?? false,
  });
  server.on('wsClientError', (error, socket) =>
    refuseUpgrade(socket, new StatusError('BadRequest', error.message), context),
  );
  return Object.entries(SESSIONS).flatMap(([subresource, begins]) =>
    subresourcePaths(subresource).map((path) => ({
      path,
      permission: { verb: 'create', resource: 'instances', subresource } as const,
      async handle(upgrade) {
        const { request, socket, head, match, credential } = upgrade;
        const { searchParams: query } = upgrade.url;
        if (!isSpdy(upgrade)) checkProtocol(request.headers['sec-websocket-protocol']);
        const begin = begins(query, context);
        const id = await containerIn(match, query, context);
        if (isSpdy(upgrade)) return converseBySpdy(upgrade, (signal) => begin(id, signal), context);
        server.handleUpgrade(request, socket, head, (ws) => {
          const life = lifetimeOf(socket, context.closing, credential);
          void converse(webSocketPeer(ws, context.clock), life, context, () => begin(id, life.signal));
        });
      },
    })),
  );
}

/** As kubectl does before 1.31: the process begins when all of the client's streams are there. */
function converseBySpdy(
  upgrade: UpgradeRequest,
  begin: (signal: AbortSignal) => ReturnType<Begin>,
  context: ApiContext,
): void {
  const connection = acceptSpdy(upgrade, SPDY_PROTOCOLS);
  const wanted = streamsAsked((name) => isAsked(upgrade.url.searchParams, name));
  const peer = new SpdyPeer(connection, wanted, context.clock);
  const life = lifetimeOf(upgrade.socket, context.closing, upgrade.credential);
  void converse(peer, life, context, async () => {
    await peer.complete();
    return begin(life.signal);
  });
}

/** The container that the path means. */
export async function containerIn(
  match: RegExpExecArray,
  query: URLSearchParams,
  context: ApiContext,
): Promise<string> {
  const { namespace = '', name = '' } = match.groups ?? {};
  checkContainerName(query.get('container'), decoded(name));
  return (await containerOf(context, decoded(namespace), decoded(name))).id;
}

/** A client that offers none speaks the oldest; one that offers others would end the connection that it gets. */
function checkProtocol(offered: string | undefined): void {
  if (offered === undefined || offered.split(',').some((one) => PROTOCOLS.includes(one.trim()))) return;
  throw new StatusError('BadRequest', `the WebSocket's subprotocol must be one of ${PROTOCOLS.join(', ')}`);
}
