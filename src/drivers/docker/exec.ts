import type { Socket } from 'node:net';
import type Docker from 'dockerode';
import { sleep, type Clock } from '../../base/clock.ts';
import type { ExecOptions, ExecSession, OutputChunk } from '../compute.ts';
import { sessionClosed } from '../refusals.ts';
import { opened, translated, type EngineCalls } from './calls.ts';
import { passError } from './errors.ts';
import { endExec } from './exec-end.ts';
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
  signal?: AbortSignal,
): Promise<DockerExecSession> {
  return translated(`run ${options.command[0] ?? 'a command'} in container ${id.slice(0, 12)}`, async () => {
    const create = {
      Cmd: [...options.command],
      AttachStdin: options.stdin,
      AttachStdout: true,
      AttachStderr: true,
      Tty: options.tty,
      ...(options.user !== undefined && { User: options.user }),
    };
    const exec = await calls.raw('createExec', () => docker.getContainer(id).exec(create));
    // A command that was created and not started has no process, and goes with its container.
    if (signal?.aborted) throw sessionClosed();
    const start = { hijack: true, stdin: options.stdin, Tty: options.tty, Detach: false };
    // Hijacked, docker-modem hands over the bare socket: only that can close one direction.
    const socket = await opened(calls, 'startExec', async () => (await exec.start(start)) as unknown as Socket);
    return new DockerExecSession({ exec, containerId: id }, socket, calls, clock, options, signal);
  });
}

export class DockerExecSession implements ExecSession {
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  readonly #exec: Docker.Exec;
  readonly #containerId: string;
  readonly #socket: Socket;
  readonly #calls: EngineCalls;
  readonly #clock: Clock;
  readonly #stdin: boolean;
  readonly #over = new AbortController();
  #room: Promise<void> | undefined;

  constructor(
    { exec, containerId }: { exec: Docker.Exec; containerId: string },
    socket: Socket,
    calls: EngineCalls,
    clock: Clock,
    { tty, stdin }: ExecOptions,
    signal: AbortSignal | undefined,
  ) {
    this.#exec = exec;
    this.#containerId = containerId;
    this.#socket = socket;
    this.#calls = calls;
    this.#clock = clock;
    this.#stdin = stdin;
    const close = () => this.close();
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    void this.closed.then(() => signal?.removeEventListener('abort', close));
    // Without a listener a reset connection would end the daemon; the reader of `output` hears of it.
    socket.on('error', () => undefined);
    this.output = outputOf(socket, tty);
    signal?.addEventListener('abort', close, { once: true });
    if (signal?.aborted) close();
  }

  write(data: Buffer): Promise<void> | undefined {
    // The Engine reads nothing for a command that has no input: it would wait for ever.
    if (!this.#stdin || this.#socket.writableEnded || this.#socket.destroyed) return undefined;
    if (this.#socket.write(data)) return undefined;
    this.#room ??= this.#drained();
    return this.#room;
  }

  async #drained(): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#socket.once('drain', () => resolve()));
    await Promise.race([drained, this.closed]);
    this.#room = undefined;
  }

  closeInput(): void {
    this.#socket.end();
  }

  resize(columns: number, rows: number): Promise<void> {
    return translated('resize a terminal', async () => {
      try {
        await this.#calls.raw('resizeExec', () => this.#exec.resize({ w: columns, h: rows }));
      } catch (error) {
        // The Engine refuses with words of several kinds when the process has ended meanwhile.
        const { Running } = await this.#calls.raw('inspectExec', () => this.#exec.inspect());
        if (Running) throw error;
      }
    });
  }

  async exitCode(): Promise<number> {
    await this.closed;
    while (!this.#over.signal.aborted) {
      const info = await this.#calls
        .raw('inspectExec', () => this.#exec.inspect())
        .catch((error: unknown) => {
          throw passError(error, 'read an exit status');
        });
      if (!info.Running && info.ExitCode !== null) return info.ExitCode;
      await sleep(this.#clock, EXIT_POLL_MS, this.#over.signal);
    }
    throw sessionClosed();
  }

  close(): void {
    // The Engine ends the connection when the command has ended.
    const runsOn = !this.#socket.readableEnded && !this.#over.signal.aborted;
    this.#over.abort();
    this.#socket.destroy();
    if (runsOn) void endExec(this.#exec, this.#containerId, this.#calls, this.#clock).catch(() => undefined);
  }
}
