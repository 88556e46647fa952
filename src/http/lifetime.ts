import type { Duplex } from 'node:stream';

/** How long an answer that goes on is wanted. */
export interface Lifetime {
  /** Its reason says why it is over, in words for whoever is at the other end. */
  signal: AbortSignal;
  /** Ends it, and lets go of what it listens to. */
  end: (why?: string) => void;
}

/** Until the client goes or the server stops. By the connection, which may be gone before the answer has begun. */
export function lifetimeOf(socket: Duplex, closing: AbortSignal): Lifetime {
  const over = new AbortController();
  const end = (why = 'the answer is over') => {
    socket.off('close', gone);
    closing.removeEventListener('abort', stopped);
    over.abort(why);
  };
  const gone = () => end('the connection was closed');
  const stopped = () => end('the daemon stops');
  // Pipelined requests share their connection.
  socket.setMaxListeners(0);
  socket.once('close', gone);
  closing.addEventListener('abort', stopped, { once: true });
  if (socket.destroyed) gone();
  else if (closing.aborted) stopped();
  return { signal: over.signal, end };
}
