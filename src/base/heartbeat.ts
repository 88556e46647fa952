import type { WebSocket } from 'ws';
import type { Clock } from './clock.ts';

/** Milliseconds between two pings. */
const PING_MS = 15_000;

/**
 * Pings the other side of a WebSocket, and calls `dead` when nothing has come from it since the last ping. A side that
 * does not take what it was sent, or that nothing is read from now, cannot have answered: its silence says nothing.
 * Returns what stops it.
 */
export function heartbeat(ws: WebSocket, clock: Clock, dead: () => void): () => void {
  let heard = false;
  const hear = () => (heard = true);
  const signs = ['message', 'ping', 'pong'] as const;
  for (const sign of signs) ws.on(sign, hear);
  let timer = clock.after(PING_MS, () => beat(true));
  function beat(first: boolean) {
    const excused = first || ws.isPaused || ws.bufferedAmount > 0;
    if (!heard && !excused) return dead();
    heard = excused && !first;
    ws.ping();
    timer = clock.after(PING_MS, () => beat(false));
  }
  return () => {
    timer.cancel();
    for (const sign of signs) ws.off(sign, hear);
  };
}
