import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { Resource } from '../api/metadata.ts';
import type { Clock } from '../base/clock.ts';
import { StatusError } from '../base/errors.ts';
import { turns } from '../base/turns.ts';
import type { Selector } from './selectors.ts';

/** Objects that are looked at without giving way: a few milliseconds. */
export const SMALL = 500;
/** Lists of more than that which are answered at once; whoever comes beside them is asked to come again. */
const MOST_LARGE = 16;
const RETRY_AFTER_SECONDS = 1;
/** Characters that are handed to the connection at once: few enough to be garbage of the cheap, short-lived kind. */
const CHUNK = 48 * 1024;
/** Milliseconds for which a client may read nothing of its list. */
const STALL_MS = 30_000;

/** A list as it is written: what comes before its items, each item, and what comes after the last. */
export interface ListBody {
  head: string;
  item: (resource: Resource) => string;
  /** `last` and how many there are after it, when the list was cut by its limit. */
  tail: (cut: { last: Resource } | undefined) => string;
}

export interface ListedItems {
  items: readonly Resource[];
  matches: Selector;
  /** At most so many that match. */
  limit: number;
}

let large = 0;

/** All of it at once where it is small; else a stream, in slices that let everything else go on. */
export function listBody(
  request: FastifyRequest,
  clock: Clock,
  body: ListBody,
  listed: ListedItems,
): string | Readable {
  if (listed.items.length <= SMALL) return wholeList(body, listed);
  if (large >= MOST_LARGE)
    throw new StatusError(
      'TooManyRequests',
      `${MOST_LARGE} large lists are being answered; try again, or ask for pages`,
      {
        details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
      },
    );
  large++;
  const stream = Readable.from(unlessStalled(slices(body, listed), request, clock), { objectMode: false });
  // An answer that waits for its turn on a connection does not hear of that connection's end.
  const { socket } = request.raw;
  const gone = (): void => void stream.destroy();
  socket.setMaxListeners(0);
  socket.once('close', gone);
  stream.once('close', () => {
    socket.off('close', gone);
    large--;
  });
  if (socket.destroyed) gone();
  return stream;
}

function wholeList({ head, item, tail }: ListBody, { items, matches, limit }: ListedItems): string {
  const found = items.filter(matches);
  const listed = found.slice(0, limit);
  const last = found.length > listed.length ? listed.at(-1) : undefined;
  return `${head}${listed.map(item).join(',')}${tail(last && { last })}`;
}

async function* slices({ head, item, tail }: ListBody, { items, matches, limit }: ListedItems): AsyncGenerator<string> {
  let text = head;
  let found = 0;
  let last: Resource | undefined;
  let isCut = false;
  let until = await turns.next();
  for (const resource of items) {
    if (matches(resource)) {
      isCut = found === limit;
      if (isCut) break;
      text += `${found > 0 ? ',' : ''}${item(resource)}`;
      last = resource;
      found++;
    }
    if (text.length >= CHUNK) {
      yield text;
      text = '';
    } else if (performance.now() < until) continue;
    until = await turns.next();
  }
  yield text + tail(isCut && last ? { last } : undefined);
}

/** A client that has stopped to read is cut off: its list would count as under way for ever. */
async function* unlessStalled(
  chunks: AsyncGenerator<string>,
  { raw: { socket } }: FastifyRequest,
  clock: Clock,
): AsyncGenerator<string> {
  for await (const chunk of chunks) {
    const timer = clock.after(STALL_MS, () => socket.destroy());
    try {
      yield chunk;
    } finally {
      timer.cancel();
    }
  }
}
