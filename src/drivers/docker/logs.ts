import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { LogOptions, OutputChunk } from '../compute.ts';
import { opened, type EngineCalls } from './calls.ts';
import type { Dial } from './connection.ts';
import { passError } from './errors.ts';
import { outputOf } from './output.ts';
import type { World } from './world.ts';

/** dockerode would hold all of a log in memory when it does not follow: this asks for a stream either way. */
export async function* containerLogs(
  docker: Docker,
  calls: EngineCalls,
  world: World,
  id: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncIterable<OutputChunk> {
  try {
    const source = await opened(calls, 'logs', () => openLog(docker, id, options));
    yield* outputOf(source, world.details(id)?.tty ?? false, signal);
  } catch (error) {
    throw passError(error, `read the log of container ${id.slice(0, 12)}`);
  }
}

function openLog(
  docker: Docker,
  id: string,
  { follow, tail, since, until, timestamps }: LogOptions,
): Promise<Readable> {
  const options = {
    follow,
    timestamps,
    stdout: true,
    stderr: true,
    tail: tail ?? 'all',
    ...(since && { since: since.getTime() / 1_000 }),
    ...(until && { until: until.getTime() / 1_000 }),
  };
  const dial = (docker.modem.dial as Dial).bind(docker.modem);
  const statusCodes = { 200: true, 404: 'no such container', 500: 'server error' };
  return new Promise((resolve, reject) => {
    dial({ path: `/containers/${id}/logs?`, method: 'GET', isStream: true, statusCodes, options }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}
