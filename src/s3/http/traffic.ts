import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

/** Seconds: a small object takes milliseconds, a large one minutes. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300];

/** What becomes known of a request on its way. */
export interface S3Exchange {
  id: string;
  /** As S3 calls it, such as PutObject. */
  operation: string;
  bucket: string;
  key: string;
  /** `-`: nobody has signed it, or it is not known who. */
  user: string;
  /** S3's word for a refusal. */
  error: string;
}

/** Counts requests, and tells each of them where that is wanted. */
export class S3Traffic {
  readonly #clock: Clock;
  /** Where each request is told; left out, nowhere. */
  readonly #log: Log | undefined;
  readonly #seconds = new Histogram({
    name: 'miniaws_s3_request_seconds',
    help: "Time from the head of a request of S3's API to the end of its answer",
    labelNames: ['operation', 'code'],
    buckets: BUCKETS,
    registers: [],
  });
  readonly #bytes = new Counter({
    name: 'miniaws_s3_bytes_total',
    help: "Bytes that went through S3's API, with heads of requests and answers",
    labelNames: ['direction'],
    registers: [],
  });
  readonly #refusals = new Counter({
    name: 'miniaws_s3_errors_total',
    help: "Refusals of S3's API, by its word for each",
    labelNames: ['error'],
    registers: [],
  });

  readonly #ends = new WeakMap<Socket, [received: number, sent: number]>();

  constructor(clock: Clock, log: Log | undefined) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Bytes of a connection since its last request ended: the head and more of the next one may have been read before it began. */
  #sinceLast(socket: Socket): [received: number, sent: number] {
    const [read, written] = this.#ends.get(socket) ?? [0, 0];
    this.#ends.set(socket, [socket.bytesRead, socket.bytesWritten]);
    return [socket.bytesRead - read, socket.bytesWritten - written];
  }

  register(registry: Registry): void {
    registry.registerMetric(this.#seconds);
    registry.registerMetric(this.#bytes);
    registry.registerMetric(this.#refusals);
  }

  /** From now on until the answer's end, or the connection's. What is told of `exchange` until then counts. */
  begin({ socket, method }: IncomingMessage, response: ServerResponse, exchange: S3Exchange): void {
    const began = this.#clock.monotonic();
    response.once('close', () => {
      const seconds = (this.#clock.monotonic() - began) / 1_000;
      const [received, sent] = this.#sinceLast(socket);
      const { operation, error } = exchange;
      // What broke off has no status that a client saw.
      const code = response.writableFinished ? response.statusCode : 0;
      this.#seconds.observe({ operation, code: String(code) }, seconds);
      this.#bytes.inc({ direction: 'received' }, received);
      this.#bytes.inc({ direction: 'sent' }, sent);
      if (error !== '') this.#refusals.inc({ error });
      this.#log?.info(
        { ...exchange, method, code, address: socket.remoteAddress, seconds, received, sent },
        'S3 request',
      );
    });
  }
}
