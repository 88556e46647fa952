import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { asStatusError, statusOf } from './status.ts';

/** Between bookmarks, which tell an idle watcher how far it has seen. */
const BOOKMARK_MS = 15_000;
/** A watch without timeoutSeconds ends after this long, as Kubernetes' do, so that clients spread over restarts. */
const LONGEST_MS = 3_600_000;

export interface WatchRequest<T> {
  /** Sent first. */
  initial: readonly object[];
  /** Batches in order; ends or throws when the watch is over. */
  feed: (signal: AbortSignal) => AsyncIterable<readonly T[]>;
  /** The lines that a record becomes, whole and with their newline: none when the watcher does not want it. */
  lines: (record: T) => string;
  /** Given the last revision seen, when the client allows bookmarks. */
  bookmark?: () => object;
  timeoutSeconds: number | undefined;
}

/**
 * Answers with one JSON object a line until the client goes, the time is over or the server stops. A client that does
 * not read holds a cursor and one batch, nothing more: its socket's buffer is waited for.
 */
export async function streamWatch<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  clock: Clock,
  closing: AbortSignal,
  watch: WatchRequest<T>,
): Promise<void> {
  const raw = reply.raw;
  reply.hijack();
  const gone = new AbortController();
  raw.on('close', () => gone.abort());
  const limit = clock.after((watch.timeoutSeconds ?? LONGEST_MS / 1000) * 1000, () => gone.abort());
  const signal = AbortSignal.any([gone.signal, closing]);
  raw.writeHead(200, {
    'content-type': 'application/json',
    'transfer-encoding': 'chunked',
    'cache-control': 'no-store',
  });
  raw.flushHeaders();
  const bookmarks = watch.bookmark
    ? repeat(clock, signal, () => void raw.write(line({ type: 'BOOKMARK', object: watch.bookmark?.() })))
    : undefined;
  try {
    await send(raw, watch.initial.map(line).join(''), signal);
    for await (const batch of watch.feed(signal)) await send(raw, batch.map(watch.lines).join(''), signal);
  } catch (error) {
    if (!signal.aborted) raw.write(line({ type: 'ERROR', object: statusOf(asStatusError(error)) }));
    request.log.debug({ err: String(error) }, 'watch ended');
  } finally {
    limit.cancel();
    bookmarks?.();
    raw.end();
  }
}

export const line = (value: object): string => `${JSON.stringify(value)}\n`;

/** Writes, and waits for the client to have read when the buffer is full. */
export async function send(raw: ServerResponse, text: string | Buffer, signal: AbortSignal): Promise<void> {
  if (text.length === 0 || signal.aborted || raw.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      raw.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    raw.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

function repeat(clock: Clock, signal: AbortSignal, fn: () => void): () => void {
  let timer = clock.after(BOOKMARK_MS, tick);
  function tick() {
    if (signal.aborted) return;
    fn();
    timer = clock.after(BOOKMARK_MS, tick);
  }
  return () => timer.cancel();
}
