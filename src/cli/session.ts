import type { Command } from 'commander';
import { DEFAULT_NAMESPACE } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import { ApiClient } from './client.ts';
import { BROKEN_PIPE, exitCodeOf, INTERRUPTED, tell } from './failure.ts';
import { colorsFor, printable } from './io.ts';
import type { Colors, Io, Output } from './io.ts';
import { connectionOf } from './kubeconfig.ts';
import type { Connection } from './kubeconfig.ts';

/** What the composition root gives to the client's commands. */
export interface ClientSetup {
  io: Io;
  /** The kinds that commands know. */
  kinds: KindRegistry;
  /** The kubeconfig that is used when neither a flag nor KUBECONFIG names one: the data folder's. */
  defaultKubeconfig: () => string;
  version: string;
}

export interface GlobalOptions {
  namespace?: string;
  kubeconfig?: string;
  context?: string;
  server?: string;
  requestTimeout?: number;
  color?: boolean;
}

/** One run of one command: its connection, its streams, and the signal that Ctrl-C aborts. */
export class Session {
  readonly io: Io;
  readonly setup: ClientSetup;
  readonly kinds: KindRegistry;
  readonly options: GlobalOptions;
  readonly signal: AbortSignal;
  readonly colors: Colors;
  #connection: Connection | undefined;
  #client: ApiClient | undefined;

  constructor(setup: ClientSetup, options: GlobalOptions, signal: AbortSignal) {
    this.setup = setup;
    this.io = setup.io;
    this.kinds = setup.kinds;
    this.options = options;
    this.signal = signal;
    this.colors = colorsFor(this.io.stdout, this.io.env, options.color !== false);
  }

  /** Read only when a command needs the server, so that others work without one. */
  get connection(): Connection {
    this.#connection ??= connectionOf(this.options, this.io.env, this.setup.defaultKubeconfig());
    return this.#connection;
  }

  get client(): ApiClient {
    this.#client ??= new ApiClient(this.connection, this.kinds, {
      requestTimeoutMs: this.options.requestTimeout,
      onWarning: (text) => this.warn(text),
    });
    return this.#client;
  }

  get namespace(): string {
    return this.options.namespace ?? this.connection.namespace ?? DEFAULT_NAMESPACE;
  }

  /** Lines to stdout: what was asked for. */
  print(text: string): void {
    this.io.stdout.write(`${text}\n`);
  }

  /** Lines to stderr: what is told beside it. */
  tell(text: string): void {
    this.io.stderr.write(`${text}\n`);
  }

  warn(text: string): void {
    this.tell(`Warning: ${printable(text)}`);
  }

  /** For follow's `onLost`: once for each outage of a watch. */
  readonly lost = (why: string): void => this.tell(`${why}; trying again`);

  close(): void {
    this.#client?.close();
  }
}

export type Task<A extends unknown[], O> = (session: Session, args: A, options: O) => Promise<void>;

/**
 * A command's action: runs the task, tells what went wrong, sets the exit status and leaves nothing open. Ctrl-C ends it
 * with 130; a reader that went away ends it without a word.
 */
export const task =
  <A extends unknown[], O>(setup: ClientSetup, run: Task<A, O>) =>
  async (...all: unknown[]): Promise<void> => {
    const command = all.at(-1) as Command;
    const { io } = setup;
    const stop = new AbortController();
    const ended = { code: 0 };
    const end = (code: number) => {
      ended.code ||= code;
      stop.abort();
    };
    const release = io.onInterrupt(() => end(INTERRUPTED));
    onBrokenPipe(io.stdout, () => end(BROKEN_PIPE));
    const session = new Session(setup, command.optsWithGlobals<GlobalOptions>(), stop.signal);
    try {
      await run(session, command.processedArgs as A, command.opts() as O);
      if (ended.code !== 0) io.setExitCode(ended.code);
    } catch (error) {
      report(session, error, ended.code);
    } finally {
      release();
      session.close();
    }
  };

function report(session: Session, error: unknown, ended: number): void {
  session.io.setExitCode(ended || exitCodeOf(error));
  if (ended !== 0) return;
  const text = tell(error);
  if (text !== '') session.tell(`error: ${printable(text)}`);
}

/** The listener stays: what is still buffered may fail after the command has ended. */
function onBrokenPipe(output: Output, end: () => void): void {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return end();
    throw error;
  });
}
