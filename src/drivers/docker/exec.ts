import { once } from 'node:events';
import type { Socket } from 'node:net';
import type Docker from 'dockerode';
import { sleep, type Clock } from '../../base/clock.ts';
import type { ExecOptions, ExecSession, OutputChunk } from '../compute.ts';
import { translated, type EngineCalls } from './calls.ts';
import { passError } from './errors.ts';
import { outputOf } from './output.ts';

/** Milliseconds between looks for the exit status: the Engine knows it a moment after the output's end. */
const EXIT_POLL_MS = 20;

/** Starts a command in a running container, over a connection of its own. */
export function startExec(
  docker: Docker,
  calls: EngineCalls,
  clock: Clock,
  id: string,
  options: ExecOptions,
): Promise<DockerExecSession> {
  return translated(`run ${options.command[0] ?? 'a command'} in container ${id.slice(0, 12)}`, async () => {
    const create = {
      Cmd: [...options.command],
      AttachStdin: options.stdin,
      AttachStdout: true,
      AttachStderr: true,
      Tty: options.tty,
    };
    const exec = await calls.raw('createExec', () => docker.getContainer(id).exec(create));
    const start = { hijack: true, stdin: options.stdin, Tty: options.tty, Detach: false };
    // Hijacked, docker-modem hands over the bare socket: only that can close one direction.
    const socket = (await calls.raw('startExec', () => exec.start(start))) as unknown as Socket;
    return new DockerExecSession(exec, socket, calls, clock, options.tty);
  });
}

export class DockerExecSession implements ExecSession {
  readonly output: AsyncIterable<OutputChunk>;
  readonly #exec: Docker.Exec;
  readonly #socket: Socket;
  readonly #calls: EngineCalls;
  readonly #clock: Clock;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<unknown>;

  constructor(exec: Docker.Exec, socket: Socket, calls: EngineCalls, clock: Clock, tty: boolean) {
    this.#exec = exec;
    this.#socket = socket;
    this.#calls = calls;
    this.#clock = clock;
    this.closed = once(socket, 'close').catch(() => undefined);
    // Without a listener a reset connection would end the daemon; the reader of `output` hears of it.
    socket.on('error', () => undefined);
    this.output = outputOf(socket, tty);
  }

  write(data: Buffer): void {
    if (!this.#socket.writableEnded && !this.#socket.destroyed) this.#socket.write(data);
  }

  closeInput(): void {
    this.#socket.end();
  }

  resize(columns: number, rows: number): Promise<void> {
    return translated('resize a terminal', async () => {
      await this.#calls.raw('resizeExec', () => this.#exec.resize({ w: columns, h: rows }));
    });
  }

  async exitCode(): Promise<number> {
    await this.closed;
    for (;;) {
      const info = await this.#calls
        .raw('inspectExec', () => this.#exec.inspect())
        .catch((error: unknown) => {
          throw passError(error, 'read an exit status');
        });
      if (!info.Running && info.ExitCode !== null) return info.ExitCode;
      await sleep(this.#clock, EXIT_POLL_MS);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
