import type { Socket } from 'node:net';
import type Docker from 'dockerode';
import { sessionClosed } from '../refusals.ts';
import { opened, translated, type EngineCalls } from './calls.ts';
import type { ContainerDetails } from './container-view.ts';
import { DockerSession } from './session.ts';

/** Joins the container's own process, over a connection of its own. */
export function attachTo(
  docker: Docker,
  calls: EngineCalls,
  id: string,
  { tty, stdin: hasInput }: Pick<ContainerDetails, 'tty' | 'stdin'>,
  options: { stdin: boolean },
  signal?: AbortSignal,
): Promise<AttachedSession> {
  return translated(`attach to container ${id.slice(0, 12)}`, async () => {
    const stdin = options.stdin && hasInput;
    const container = docker.getContainer(id);
    const asked = { stream: true, stdin, stdout: true, stderr: true, hijack: true };
    const socket = await opened(calls, 'attach', async () => (await container.attach(asked)) as unknown as Socket);
    if (signal?.aborted) {
      socket.destroy();
      throw sessionClosed();
    }
    return new AttachedSession(container, socket, calls, { tty, stdin }, signal);
  });
}

export class AttachedSession extends DockerSession {
  readonly #container: Docker.Container;
  readonly #calls: EngineCalls;

  constructor(
    container: Docker.Container,
    socket: Socket,
    calls: EngineCalls,
    streams: { tty: boolean; stdin: boolean },
    signal: AbortSignal | undefined,
  ) {
    super(socket, streams);
    this.#container = container;
    this.#calls = calls;
    this.closeOn(signal);
  }

  resize(columns: number, rows: number): Promise<void> {
    return translated('resize a terminal', async () => {
      await this.#calls.raw('resizeContainer', () => this.#container.resize({ w: columns, h: rows }));
    });
  }
}
