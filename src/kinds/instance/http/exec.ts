import { WebSocketServer } from 'ws';
import { API_VERSION } from '../../../api/metadata.ts';
import { StatusError } from '../../../base/errors.ts';
import { isTrue } from '../../../http/context.ts';
import type { ApiContext } from '../../../http/context.ts';
import { converse } from './exec-session.ts';
import { containerOf } from './logs.ts';
import { lifetimeOf } from '../../../http/lifetime.ts';
import { decoded, refuseUpgrade } from '../../../http/upgrades.ts';
import type { UpgradeRoute } from '../../../http/upgrades.ts';

/** A frame of standard input at most; clients send far less. */
const MAX_FRAME = 1 << 20;
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const EXEC_PATH = new RegExp(`^/apis/${API_VERSION}/namespaces/(?<namespace>[^/]+)/instances/(?<name>[^/]+)/exec$`);

/**
 * Commands inside an instance, over Kubernetes' WebSocket channels. A request that is refused, and a handshake that fails,
 * has done nothing: the command is begun on the connection that stands.
 */
export function execRoute(context: ApiContext): UpgradeRoute {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_FRAME,
    handleProtocols: (offered) => PROTOCOLS.find((p) => offered.has(p)) ?? false,
  });
  server.on('wsClientError', (error, socket) =>
    refuseUpgrade(socket, new StatusError('BadRequest', error.message), context),
  );
  return {
    path: EXEC_PATH,
    permission: { verb: 'create', resource: 'instances', subresource: 'exec' },
    async handle({ request, socket, head, url, match, credential }) {
      const { namespace = '', name = '' } = match.groups ?? {};
      checkProtocol(request.headers['sec-websocket-protocol']);
      const options = optionsOf(url.searchParams);
      const { id } = await containerOf(context, decoded(namespace), decoded(name));
      server.handleUpgrade(request, socket, head, (ws) => {
        const life = lifetimeOf(socket, context.closing, credential);
        void converse(ws, life, context, () => context.compute.exec(id, options, life.signal));
      });
    },
  };
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
