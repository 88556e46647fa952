import type { Clock } from '../../../base/clock.ts';
import { PassError } from '../../../base/errors.ts';
import type { SpdyConnection, SpdyStream, StreamReader } from '../../../http/spdy/connection.ts';
import { LEAVE_MS } from './exec-session.ts';
import type { Input, Peer } from './exec-session.ts';

export const SPDY_PROTOCOLS = ['v4.channel.k8s.io'];
/** For a client to open all of its streams. */
const STREAMS_MS = 30_000;

type Listener = Parameters<Peer['listen']>[0];

/** The streams that a client opens, by what it has asked for. */
export const streamsAsked = (isAsked: (name: string) => boolean): readonly string[] => [
  'error',
  ...['stdin', 'stdout', 'stderr'].filter((name) => isAsked(name) && !(name === 'stderr' && isAsked('tty'))),
  ...(isAsked('tty') ? ['resize'] : []),
];

/** A client over SPDY: a stream for each of the process's, and one for the status. */
export class SpdyPeer implements Peer {
  readonly #connection: SpdyConnection;
  readonly #clock: Clock;
  readonly #wanted: readonly string[];
  readonly #streams = new Map<string, SpdyStream>();
  readonly #complete: Promise<void>;
  #arrived: () => void = () => undefined;
  #gone: (error: Error) => void = () => undefined;
  #listener: Listener | undefined;
  #gate: { promise: Promise<void>; open: () => void } | undefined;

  constructor(connection: SpdyConnection, wanted: readonly string[], clock: Clock) {
    this.#connection = connection;
    this.#wanted = wanted;
    this.#clock = clock;
    this.#complete = new Promise((resolve, reject) => ([this.#arrived, this.#gone] = [resolve, reject]));
    this.#complete.catch(() => undefined);
    void this.#serve();
  }

  async #serve(): Promise<void> {
    const accept = (stream: SpdyStream) => this.#accept(stream);
    await this.#connection.serve(accept, () => this.#listener?.moved()).catch(() => undefined);
    this.#gone(new PassError('EngineUnavailable', 'the client has gone'));
    this.#listener?.failed();
  }

  /** Until all of its streams are there; rejects when they do not come. */
  async complete(): Promise<void> {
    const missing = new PassError('EngineUnavailable', `the client has not opened ${this.#wanted.join(', ')} in time`);
    const late = this.#clock.after(STREAMS_MS, () => this.#gone(missing));
    try {
      await this.#complete;
    } finally {
      late.cancel();
    }
  }

  #accept(stream: SpdyStream): StreamReader {
    const type = stream.headers.get('streamtype') ?? '';
    if (!this.#wanted.includes(type) || this.#streams.has(type)) {
      stream.reset();
      return {};
    }
    this.#streams.set(type, stream);
    if (this.#streams.size === this.#wanted.length) this.#arrived();
    if (type === 'resize') return { data: (json) => this.#say({ is: 'size', json }) };
    if (type !== 'stdin') return {};
    return { data: (data) => this.#say({ is: 'data', data }), end: () => void this.#say({ is: 'end' }) };
  }

  #say(input: Input): Promise<void> | undefined {
    this.#listener?.input(input);
    return this.#gate?.promise;
  }

  listen(on: Listener): void {
    this.#listener = on;
  }

  async deliver(name: 'stdout' | 'stderr', data: Buffer, signal: AbortSignal): Promise<void> {
    const sent = this.#streams.get(name)?.write(data);
    if (!sent || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        signal.removeEventListener('abort', settle);
        resolve();
      };
      signal.addEventListener('abort', settle, { once: true });
      void sent.then(settle);
    });
  }

  end(status: object): void {
    void this.#streams.get('error')?.write(Buffer.from(JSON.stringify(status)));
  }

  pause(): void {
    if (this.#gate) return;
    let open: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => (open = resolve));
    this.#gate = { promise, open };
  }

  resume(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  leave(): void {
    this.resume();
    this.#listener = undefined;
    const cut = this.#clock.after(LEAVE_MS, () => this.#connection.destroy());
    this.#connection.closed(() => cut.cancel());
    for (const stream of this.#streams.values()) stream.end();
    this.#connection.close();
  }
}
