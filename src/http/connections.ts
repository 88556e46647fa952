import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';

/** What an answer that is under way may still take once the server stops. */
const FINISH_MS = 2_000;
/** Between looks for connections on which nothing is under way any more. */
const LOOK_MS = 50;

/** Every connection of a server, whatever has become of it: half a handshake, a request, a WebSocket. */
export class Connections {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #open = new Set<Socket>();

  constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    const track = (socket: Socket) => {
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    };
    // The second is TLS over the first, and lives by itself.
    server.on('connection', track);
    server.on('secureConnection', track);
  }

  /** Runs `close`, which waits for all of them: idle ones are ended at once, the others when their time is over. */
  async closing(close: () => Promise<void>): Promise<void> {
    const cut = this.#clock.after(FINISH_MS, () => this.#cut());
    let look = this.#clock.after(LOOK_MS, () => again());
    const again = () => {
      this.#server.closeIdleConnections();
      look = this.#clock.after(LOOK_MS, again);
    };
    try {
      await close();
    } finally {
      cut.cancel();
      look.cancel();
    }
  }

  #cut(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
