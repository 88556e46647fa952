import type { FastifyRequest } from 'fastify';

/** How long an answer that goes on is wanted. */
export interface Lifetime {
  signal: AbortSignal;
  /** Ends it, and lets go of what it listens to. */
  end: () => void;
}

/** Until the client goes or the server stops. By the connection, which may be gone before the answer has begun. */
export function lifetimeOf({ raw: { socket } }: FastifyRequest, closing: AbortSignal): Lifetime {
  const over = new AbortController();
  const end = () => {
    socket.off('close', end);
    closing.removeEventListener('abort', end);
    over.abort();
  };
  // Pipelined requests share their connection.
  socket.setMaxListeners(0);
  socket.once('close', end);
  closing.addEventListener('abort', end, { once: true });
  if (socket.destroyed || closing.aborted) end();
  return { signal: over.signal, end };
}
