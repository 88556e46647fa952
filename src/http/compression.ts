import { pipeline, Readable } from 'node:stream';
import { constants, createGzip, gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';

/** Bytes from which an answer is compressed, and how: as the Kubernetes API does (responsewriters/writers.go). */
const LEAST_BYTES = 128 * 1024;
const OPTIONS = { level: constants.Z_BEST_SPEED };

/** Large answers are compressed for clients that ask for it. Watches and logs are not: each record is sent as it comes. */
export function compressAnswers(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (!isLarge(payload)) return done(null, payload);
    void reply.header('vary', 'Accept-Encoding');
    if (!acceptsGzip(request.headers['accept-encoding'])) return done(null, payload);
    void reply.header('content-encoding', 'gzip').removeHeader('content-length');
    if (!(payload instanceof Readable)) return gzip(payload, OPTIONS, done);
    // Whoever goes away ends all of it; the reader of its end hears of a failure.
    done(
      null,
      pipeline(payload, createGzip(OPTIONS), () => undefined),
    );
  });
}

/** What is streamed is a large list. */
const isLarge = (payload: unknown): payload is Readable | string | Buffer =>
  payload instanceof Readable ||
  ((typeof payload === 'string' || Buffer.isBuffer(payload)) && Buffer.byteLength(payload) >= LEAST_BYTES);

const acceptsGzip = (header: string | string[] | undefined): boolean =>
  String(header ?? '')
    .split(',')
    .map((coding) => coding.split(';').map((part) => part.trim().toLowerCase()))
    .some(([name, quality]) => name === 'gzip' && !/^q=0(\.0*)?$/.test(quality ?? ''));
