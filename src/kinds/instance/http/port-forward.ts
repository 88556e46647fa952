import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { messageOf } from '../../../base/errors.ts';
import type { ApiContext } from '../../../http/context.ts';
import { lifetimeOf } from '../../../http/lifetime.ts';
import type { SpdyConnection, SpdyStream, StreamReader } from '../../../http/spdy/connection.ts';
import { acceptSpdy, isSpdy, SpdyTunnels } from '../../../http/spdy/upgrade.ts';
import type { UpgradeRequest, UpgradeRoute } from '../../../http/upgrades.ts';
import { containerIn, subresourcePaths } from './exec.ts';
import { Idle } from './exec-session.ts';

const PROTOCOL = 'portforward.k8s.io';
const SUBRESOURCE = 'portforward';

/** `kubectl port-forward`: connections to ports of an instance, published or not, over one of the client's. */
export function portForwardRoutes(context: ApiContext): UpgradeRoute[] {
  const tunnels = new SpdyTunnels(PROTOCOL, context);
  const serve = async (upgrade: UpgradeRequest): Promise<void> => {
    const { match, url } = upgrade;
    const id = await containerIn(match, url.searchParams, context);
    const dial = (port: number) => context.compute.dial(id, port);
    if (isSpdy(upgrade)) void forward(acceptSpdy(upgrade, [PROTOCOL]), dial, upgrade, context);
    else tunnels.accept(upgrade, (connection) => void forward(connection, dial, upgrade, context));
  };
  return subresourcePaths(SUBRESOURCE).map((path) => ({
    path,
    permission: { verb: 'create', resource: 'instances', subresource: SUBRESOURCE },
    handle: serve,
  }));
}

type Dial = (port: number) => Promise<Duplex>;

async function forward(
  connection: SpdyConnection,
  dial: Dial,
  { socket, credential }: UpgradeRequest,
  { clock, idleMs, closing, log }: ApiContext,
): Promise<void> {
  const life = lifetimeOf(socket, closing, credential);
  const idle = new Idle(clock, idleMs, () => life.end(`nothing has moved for ${idleMs / 1_000} s`));
  life.signal.addEventListener('abort', () => connection.destroy(), { once: true });
  const moved = () => idle.moved();
  const errors = new Map<string, SpdyStream>();
  try {
    await connection.serve((stream) => accept(stream, errors, dial, moved), moved);
  } catch (error) {
    log.debug({ err: messageOf(error) }, 'port forward ended');
  } finally {
    idle.stop();
    life.end();
  }
}

/**
 * The client opens two streams for each connection, under one request id: first one on which it is told of an error, then
 * one for the data.
 */
function accept(stream: SpdyStream, errors: Map<string, SpdyStream>, dial: Dial, moved: () => void): StreamReader {
  const { headers } = stream;
  const key = headers.get('requestid') ?? headers.get('port') ?? '';
  if (headers.get('streamtype') === 'error') {
    errors.set(key, stream);
    return { closed: () => errors.get(key) === stream && errors.delete(key) };
  }
  const error = errors.get(key);
  errors.delete(key);
  if (!error) {
    stream.reset();
    return {};
  }
  return carry(stream, error, dial, Number(headers.get('port')), moved);
}

/** Both directions of one connection, each to its end. */
function carry(stream: SpdyStream, error: SpdyStream, dial: Dial, port: number, moved: () => void): StreamReader {
  const target = dialed(dial, port);
  const failed = async (why: unknown): Promise<void> => {
    await error.write(Buffer.from(`error forwarding port ${port}: ${messageOf(why)}`));
    error.end();
    stream.reset();
  };
  const answer = async (): Promise<void> => {
    try {
      for await (const chunk of (await target) as AsyncIterable<Buffer>) {
        moved();
        await stream.write(chunk);
      }
      error.end();
      stream.end();
    } catch (why) {
      await failed(why);
    }
  };
  void answer();
  const reached = target.catch(() => undefined);
  return {
    async data(data) {
      const to = await reached;
      if (to && !to.destroyed && to.writable && !to.write(data)) await roomIn(to);
    },
    end: () => void reached.then((to) => to?.end()),
    closed: () => void reached.then((to) => to?.destroy()),
  };
}

async function dialed(dial: Dial, port: number): Promise<Duplex> {
  if (!(Number.isInteger(port) && port > 0 && port < 65_536)) throw new Error('it is no port');
  const to = await dial(port);
  // Whoever reads it hears of it.
  to.on('error', () => undefined);
  return to;
}

async function roomIn(to: Duplex): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(to, 'drain', { signal }), once(to, 'close', { signal })]).catch(() => undefined);
  over.abort();
}
