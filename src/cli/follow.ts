import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { StatusError } from '../base/errors.ts';
import { statusBody } from './client.ts';
import type { ApiClient, Query } from './client.ts';
import { Unreachable } from './failure.ts';
import { pause } from './pause.ts';

/** What a watch tells: first, and after every gap, all there is; then each change. */
export type Change<L, O> = { type: 'LIST'; list: L } | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: O };

export interface FollowOptions {
  query?: Query;
  accept?: string;
  signal: AbortSignal;
  /** Told once for each outage. */
  onLost?: (why: string) => void;
}

interface Versioned {
  metadata?: { resourceVersion?: string };
}

/** The server ends a watch after so long, and we begin again: a connection that died without a word is noticed. */
const WATCH_SECONDS = 300;
const IDLE_MS = (WATCH_SECONDS + 30) * 1000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Lists, then watches, for ever: goes on where it was after an end or a reset, and lists again when the server no longer
 * has what came since (410). Ends without an error when `signal` aborts. Throws when the first list fails, and for
 * refusals that no waiting cures.
 */
export async function* follow<L extends Versioned, O extends Versioned>(
  client: ApiClient,
  path: string,
  options: FollowOptions,
): AsyncGenerator<Change<L, O>> {
  const { signal } = options;
  let version: string | undefined;
  let wait = FIRST_PAUSE_MS;
  let begun = false;
  let down = false;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const list: L = await client.get(path, callOf(options));
        version = list.metadata?.resourceVersion ?? '0';
        begun = true;
        down = false;
        yield { type: 'LIST', list };
      }
      for await (const event of events<O>(client, path, version, options)) {
        wait = FIRST_PAUSE_MS;
        down = false;
        version = event.object.metadata?.resourceVersion ?? version;
        if (event.type !== 'BOOKMARK') yield { type: event.type, object: event.object };
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isExpired(error)) version = undefined;
      else if (!begun || !isPassing(error)) throw error;
      else if (!down) options.onLost?.((error as Error).message);
      down = !isExpired(error);
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
    }
    await pause(wait, signal);
  }
}

const callOf = ({ query = {}, accept, signal }: FollowOptions) => ({ query, accept, signal });

const isExpired = (error: unknown): boolean => error instanceof StatusError && error.reason === 'Expired';
/** What may be otherwise in a moment: no connection, or a server in trouble. */
const isPassing = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof StatusError && (error.code >= 500 || error.code === 429));

interface RawEvent<O> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: O;
}

async function* events<O extends Versioned>(
  client: ApiClient,
  path: string,
  version: string,
  options: FollowOptions,
): AsyncGenerator<RawEvent<O>> {
  // What follows is about one list's objects: how many were asked for does not matter to a watch.
  const { limit: _, ...query } = options.query ?? {};
  const watch = { watch: true, allowWatchBookmarks: true, resourceVersion: version, timeoutSeconds: WATCH_SECONDS };
  yield* eventLines<RawEvent<O>>(client, path, {
    ...callOf(options),
    query: { ...query, ...watch },
    idleMs: IDLE_MS,
  });
}

/** What an answer that goes on tells, one event a line. Throws what its last one tells, where that is an error. */
export async function* eventLines<E extends { type: string; object: unknown }>(
  client: ApiClient,
  path: string,
  call: Parameters<ApiClient['stream']>[1],
): AsyncGenerator<E> {
  for await (const text of linesOf(await client.stream(path, call))) {
    const event = JSON.parse(text) as E | { type: 'ERROR'; object: unknown };
    if (event.type === 'ERROR') throw asRefusal(event.object);
    yield event as E;
  }
}

function asRefusal(object: unknown): StatusError {
  const status = statusBody(JSON.stringify(object));
  const expired = status?.reason === 'Expired' || (object as { code?: number }).code === 410;
  return new StatusError(expired ? 'Expired' : 'InternalError', status?.message ?? 'the watch failed');
}

/** A line longer than this is no event of ours: an object has 1 MiB at most, and is sent once or twice in a line. */
const MAX_LINE = 16 * 2 ** 20;

/** Lines as they come. Throws Unreachable when the connection breaks (node:readline would wait for ever). */
async function* linesOf(body: Readable): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE) throw new Error('a line is too long');
      for (const line of lines) if (line.trim() !== '') yield line;
    }
  } catch (error) {
    throw new Unreachable(`the connection was lost: ${(error as Error).message}`);
  } finally {
    body.destroy();
  }
}
