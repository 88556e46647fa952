import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Credential } from './auth.ts';

/** How long an answer that goes on is wanted. */
export interface Lifetime {
  /** Its reason says why it is over, in words for whoever is at the other end. */
  signal: AbortSignal;
  /** Ends it, and lets go of what it listens to. */
  end: (why?: string) => void;
}

/**
 * Until the client goes, the server stops, or the key that let it in is taken back. By the connection, which may be gone
 * before the answer has begun.
 */
export function lifetimeOf(socket: Duplex, closing: AbortSignal, credential: Credential): Lifetime {
  const over = new AbortController();
  const end = (why = 'the answer is over') => {
    socket.off('close', gone);
    closing.removeEventListener('abort', stopped);
    letGo();
    over.abort(why);
  };
  const gone = () => end('the connection was closed');
  const stopped = () => end('the daemon stops');
  const letGo = credential.hold(() => end('the key was taken back'));
  // Pipelined requests share their connection, and all answers the daemon's end.
  setMaxListeners(0, socket, closing);
  socket.once('close', gone);
  closing.addEventListener('abort', stopped, { once: true });
  if (socket.destroyed) gone();
  else if (closing.aborted) stopped();
  return { signal: over.signal, end };
}
