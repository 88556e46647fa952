import { createWebSocketStream, WebSocketServer } from 'ws';
import { heartbeat } from '../../base/heartbeat.ts';
import { StatusError } from '../../base/errors.ts';
import type { ApiContext } from '../context.ts';
import { refuseUpgrade } from '../upgrades.ts';
import type { UpgradeRequest } from '../upgrades.ts';
import { SpdyConnection } from './connection.ts';

const SPDY = 'SPDY/3.1';
/** Of a message that carries SPDY frames; clients send far less. */
const MAX_MESSAGE = 1 << 20;

export const isSpdy = ({ request }: UpgradeRequest): boolean => request.headers.upgrade?.toUpperCase() === SPDY;

/** SPDY over the connection itself, as kubectl spoke it before 1.31. Throws BadRequest when the client speaks none of these protocols. */
export function acceptSpdy({ request, socket, head }: UpgradeRequest, protocols: readonly string[]): SpdyConnection {
  const offered = String(request.headers['x-stream-protocol-version'] ?? '').split(',');
  const protocol = protocols.find((one) => offered.some((each) => each.trim() === one));
  if (protocol === undefined)
    throw new StatusError('BadRequest', `X-Stream-Protocol-Version: one of ${protocols.join(', ')} must be offered`);
  if (head.length > 0) socket.unshift(head);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SPDY}\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  return new SpdyConnection(socket);
}

/** SPDY inside the messages of a WebSocket, as kubectl speaks it since 1.31. */
export class SpdyTunnels {
  readonly #protocol: string;
  readonly #context: ApiContext;
  readonly #server = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: MAX_MESSAGE });

  constructor(protocol: string, context: ApiContext) {
    this.#protocol = `${SPDY}+${protocol}`;
    this.#context = context;
    this.#server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${this.#protocol}`));
    this.#server.on('wsClientError', (error, socket) =>
      refuseUpgrade(socket, new StatusError('BadRequest', error.message), context),
    );
  }

  /** Throws BadRequest when the client does not offer the protocol. `serve` is called once the handshake has succeeded. */
  accept({ request, socket, head }: UpgradeRequest, serve: (connection: SpdyConnection) => void): void {
    const offered = request.headers['sec-websocket-protocol']?.split(',') ?? [];
    if (!offered.some((one) => one.trim() === this.#protocol))
      throw new StatusError('BadRequest', `the WebSocket's subprotocol must be ${this.#protocol}`);
    // ws takes no name with a slash; the answer's header is ours.
    delete request.headers['sec-websocket-protocol'];
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      const stopBeating = heartbeat(ws, this.#context.clock, () => ws.terminate());
      ws.once('close', stopBeating);
      serve(new SpdyConnection(createWebSocketStream(ws)));
    });
  }
}
