import type { Socket } from 'node:net';
import type { OutputChunk, Session } from '../compute.ts';
import { outputOf } from './output.ts';

/** A process's streams over a connection of their own, which the Engine has given up to them. */
export abstract class DockerSession implements Session {
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #stdin: boolean;
  #room: Promise<void> | undefined;

  constructor(socket: Socket, { tty, stdin }: { tty: boolean; stdin: boolean }) {
    this.#socket = socket;
    this.#stdin = stdin;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    // Without a listener a reset connection would end the daemon; the reader of `output` hears of it.
    socket.on('error', () => undefined);
    this.output = outputOf(socket, tty);
  }

  write(data: Buffer): Promise<void> | undefined {
    // The Engine reads nothing for a process that has no input: it would wait for ever.
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

  abstract resize(columns: number, rows: number): Promise<void>;

  close(): void {
    this.#socket.destroy();
  }

  /** All of the output has been read. */
  protected get hasEnded(): boolean {
    return this.#socket.readableEnded;
  }

  protected closeOn(signal: AbortSignal | undefined): void {
    const close = () => this.close();
    void this.closed.then(() => signal?.removeEventListener('abort', close));
    signal?.addEventListener('abort', close, { once: true });
    if (signal?.aborted) close();
  }
}
