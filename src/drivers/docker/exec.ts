import type { Socket } from 'node:net';
import type Docker from 'dockerode';
import { sleep, type Clock } from '../../base/clock.ts';
import type { ExecOptions, ExecSession } from '../compute.ts';
import { sessionClosed } from '../refusals.ts';
import { opened, translated, type EngineCalls } from './calls.ts';
import { passError } from './errors.ts';
import { endExec } from './exec-end.ts';
import { DockerSession } from './session.ts';

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

export class DockerExecSession extends DockerSession implements ExecSession {
  readonly #exec: Docker.Exec;
  readonly #containerId: string;
  readonly #calls: EngineCalls;
  readonly #clock: Clock;
  readonly #over = new AbortController();

  constructor(
    { exec, containerId }: { exec: Docker.Exec; containerId: string },
    socket: Socket,
    calls: EngineCalls,
    clock: Clock,
    options: ExecOptions,
    signal: AbortSignal | undefined,
  ) {
    super(socket, options);
    this.#exec = exec;
    this.#containerId = containerId;
    this.#calls = calls;
    this.#clock = clock;
    this.closeOn(signal);
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

  override close(): void {
    // The Engine ends the connection when the command has ended.
    const runsOn = !this.hasEnded && !this.#over.signal.aborted;
    this.#over.abort();
    super.close();
    if (runsOn) void endExec(this.#exec, this.#containerId, this.#calls, this.#clock).catch(() => undefined);
  }
}
