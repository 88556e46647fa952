import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { recordAnswer } from './audit.ts';
import type { ApiContext } from './context.ts';
import { lifetimeOf } from './lifetime.ts';
import { asStatusError, statusOf } from './status.ts';

/** Between bookmarks, which tell an idle watcher how far it has seen. */
const BOOKMARK_MS = 15_000;
/** A watch without timeoutSeconds ends after this long, as Kubernetes' do, so that clients spread over restarts. */
const LONGEST_MS = 3_600_000;
/** How long a client may take to read the rest of an answer that is over. */
const LEAVE_MS = 5_000;
/** What is written at once to a watcher that catches up, bytes: more would only wait in memory. */
const PIECE = 1 << 16;

export interface WatchRequest<T> {
  /** Sent first. */
  initial: Iterable<object>;
  /** Sent after them: that they were all. */
  initialEnd?: object;
  /** Batches in order; ends or throws when the watch is over. */
  feed: (signal: AbortSignal) => AsyncIterable<readonly T[]>;
  /** The line that a record becomes, framed: none when the watcher does not want it. */
  frame: (record: T) => Buffer | undefined;
  /** Given the last revision seen, when the client allows bookmarks. */
  bookmark?: () => object;
  timeoutSeconds: number | undefined;
}

/**
 * Answers with one JSON object a line until the client goes, the time is over or the server stops. A client that does
 * not read holds a cursor and one batch, nothing more: its socket's buffer is waited for.
 *
 * Lines go straight to the connection, framed as chunks: a frame is made once for all watchers, where the response
 * would encode and frame it for each.
 */
export async function streamWatch<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  context: Pick<ApiContext, 'audit' | 'clock' | 'closing' | 'kinds'>,
  watch: WatchRequest<T>,
): Promise<void> {
  const { clock, closing } = context;
  const raw = reply.raw;
  reply.hijack();
  recordAnswer(request, 200, context);
  const life = lifetimeOf(request.raw.socket, closing, request.credential);
  const { signal } = life;
  const limit = clock.after((watch.timeoutSeconds ?? LONGEST_MS / 1000) * 1000, () => life.end());
  const end = () => {
    limit.cancel();
    life.end();
    finish(raw, clock);
  };
  raw.writeHead(200, {
    'content-type': 'application/json',
    'transfer-encoding': 'chunked',
    'cache-control': 'no-store',
  });
  raw.flushHeaders();
  if (request.method === 'HEAD') return end();
  const socket = raw.socket ?? (await assigned(raw, signal));
  let bookmarks: (() => void) | undefined;
  try {
    if (socket) await pourAll(socket, framesOf(watch.initial, frameOf), signal);
    if (socket && watch.initialEnd) socket.write(frameOf({ type: 'BOOKMARK', object: watch.initialEnd }));
    // Not before the last of what is there: whoever goes on from a bookmark has had all before it.
    if (socket && watch.bookmark)
      bookmarks = repeat(
        clock,
        signal,
        () => void socket.write(frameOf({ type: 'BOOKMARK', object: watch.bookmark?.() })),
      );
    if (socket)
      for await (const batch of watch.feed(signal)) {
        const drained = pour(socket, batch, watch.frame, signal);
        if (drained) await drained;
      }
  } catch (error) {
    if (!signal.aborted) socket?.write(frameOf({ type: 'ERROR', object: statusOf(asStatusError(error)) }));
    request.log.debug({ err: String(error) }, 'watch ended');
  } finally {
    bookmarks?.();
    end();
  }
}

/** Ends the answer. What a client that does not read has not taken by then it never gets: its connection would stay for ever. */
export function finish(raw: ServerResponse, clock: Clock): void {
  const cut = clock.after(LEAVE_MS, () => raw.destroy());
  raw.once('finish', () => cut.cancel()).end();
}

/** One object a line, as a chunk of HTTP/1.1's chunked encoding. */
export const frameOf = (value: object): Buffer => framed(JSON.stringify(value));

/** The same for JSON that is there already. */
export function framed(json: string): Buffer {
  const length = Buffer.byteLength(json) + 1;
  return Buffer.from(`${length.toString(16)}\r\n${json}\n\r\n`);
}

/** A request that was sent before the answer to the one ahead of it has its connection when that one is over. */
async function assigned(raw: ServerResponse, signal: AbortSignal): Promise<Socket | undefined> {
  await until(raw, 'socket', signal);
  return raw.socket ?? undefined;
}

/**
 * Writes in pieces, and waits for the client to have read whenever the buffer is full. One record alone, which is what
 * a thousand watchers that keep up get each time, takes the short way.
 */
function pour<T>(
  socket: Socket,
  batch: readonly T[],
  frame: (record: T) => Buffer | undefined,
  signal: AbortSignal,
): Promise<void> | undefined {
  const [only] = batch;
  if (only === undefined || batch.length > 1) return pourAll(socket, framesOf(batch, frame), signal);
  const made = frame(only);
  return made === undefined || socket.write(made) ? undefined : until(socket, 'drain', signal);
}

async function pourAll(socket: Socket, frames: Iterable<Buffer>, signal: AbortSignal): Promise<void> {
  for (const piece of piecesOf(frames)) {
    if (signal.aborted) return;
    if (!socket.write(piece)) await until(socket, 'drain', signal);
  }
}

/** One after the other, when it is asked for: a client that stands still holds a piece of a batch, and not a copy of it all. */
function* framesOf<T>(batch: Iterable<T>, frame: WatchRequest<T>['frame']): Iterable<Buffer> {
  for (const record of batch) {
    const made = frame(record);
    if (made) yield made;
  }
}

function* piecesOf(frames: Iterable<Buffer>): Iterable<Buffer> {
  let piece: Buffer[] = [];
  let size = 0;
  for (const frame of frames) {
    piece.push(frame);
    size += frame.length;
    if (size <= PIECE) continue;
    yield wholeOf(piece);
    piece = [];
    size = 0;
  }
  if (piece.length > 0) yield wholeOf(piece);
}

/** One alone is not copied: it is every watcher's. */
const wholeOf = (frames: readonly Buffer[]): Buffer =>
  frames.length === 1 && frames[0] ? frames[0] : Buffer.concat(frames);

/** Writes, and waits for the client to have read when the buffer is full. */
export async function send(raw: ServerResponse, text: string | Buffer, signal: AbortSignal): Promise<void> {
  if (text.length > 0 && !signal.aborted && !raw.write(text)) await until(raw, 'drain', signal);
}

/** Until the event, or the signal. */
function until(emitter: ServerResponse | Socket, event: 'drain' | 'socket', signal: AbortSignal): Promise<void> {
  return new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      emitter.off(event, done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    emitter.once(event, done);
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
