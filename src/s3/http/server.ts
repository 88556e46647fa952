import { randomBytes } from 'node:crypto';
import { createServer as createHttp } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { FailureLimit } from '../../http/failure-limit.ts';
import { Authorizer } from '../authorization/authorizer.ts';
import type { Asker, S3Bucket, S3Keys, S3Service } from '../buckets.ts';
import { S3Error } from '../wire/errors.ts';
import { authenticate } from '../wire/signature.ts';
import type { Verified } from '../wire/signature.ts';
import { corsHeaders, preflight } from './cors.ts';
import { asS3Error } from './failures.ts';
import { operationOf } from './operations.ts';
import type { Operation } from './operation.ts';
import { addressed, S3Request } from './request.ts';
import type { Addressed } from './request.ts';
import { send } from './send.ts';
import type { S3Exchange, S3Traffic } from './traffic.ts';

/** For the head of a request; and for silence, in the middle of a body too. A body itself may take its time. */
const [HEAD_MS, SILENT_MS] = [30_000, 60_000];
const KEEP_ALIVE_MS = 65_000;
/** Bytes of a refused body that are read all the same. */
const MOST_DISCARDED = 8 << 20;
/** Refusals that are an attempt with a key that is not good. */
const ATTEMPTS = ['InvalidAccessKeyId', 'SignatureDoesNotMatch'];

export interface S3ServerOptions {
  service: S3Service;
  keys: S3Keys;
  listen: { host: string; port: number };
  /** Buckets are also served as BUCKET.DOMAIN. */
  domain: string;
  tls: { key: string; cert: string } | undefined;
  clock: Clock;
  log: Log;
  traffic: S3Traffic;
}

export interface S3Server {
  /** `http://127.0.0.1:9000`, with the port that it really has. */
  url: string;
  renew(tls: { key: string; cert: string }): void;
  close(): Promise<void>;
}

/** Serves S3's API until closed. Throws when the address cannot be had. */
export async function startS3Server(options: S3ServerOptions): Promise<S3Server> {
  const { listen, tls } = options;
  const handler = new Handler(options);
  const listener: RequestListener = (request, response) => void handler.handle(request, response);
  const server = tls ? createHttps(tls, listener) : createHttp(listener);
  Object.assign(server, {
    headersTimeout: HEAD_MS,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    timeout: SILENT_MS,
  });
  await listening(server, listen);
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : listen.port;
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return {
    url: `${tls ? 'https' : 'http'}://${host}:${port}`,
    renew: (next) => 'setSecureContext' in server && server.setSecureContext(next),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const listening = (server: Server, { host, port }: { host: string; port: number }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

class Handler {
  readonly #options: S3ServerOptions;
  readonly #limit: FailureLimit;
  readonly #authorizer: Authorizer;

  constructor(options: S3ServerOptions) {
    this.#options = options;
    this.#limit = new FailureLimit(options.clock);
    this.#authorizer = new Authorizer(options.service.objects.rows);
  }

  async handle(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = randomBytes(8).toString('hex').toUpperCase();
    response.setHeader('x-amz-request-id', id);
    let refusalHeaders: Readonly<Record<string, string>> = {};
    const exchange: S3Exchange = { id, operation: '-', bucket: '', key: '', user: '-', error: '' };
    this.#options.traffic.begin(raw, response, exchange);
    try {
      const { service, keys, domain } = this.#options;
      const target = addressed(raw.url ?? '/', raw.headers.host ?? '', domain);
      Object.assign(exchange, { bucket: target.bucket, key: target.key });
      const found = target.bucket === '' ? undefined : service.buckets.find(target.bucket);
      if (raw.method === 'OPTIONS') return await send(raw, response, preflight(raw, found));
      for (const [name, value] of Object.entries(corsHeaders(raw, found))) response.setHeader(name, value);
      const { request, operation } = await this.#letIn(raw, target, found, exchange);
      ({ refusalHeaders } = request);
      await send(raw, response, await operation.run(request, { ...service, keys }));
    } catch (error) {
      if (response.headersSent) return void response.destroy();
      const refusal = asS3Error(error);
      exchange.error = refusal.code;
      if (refusal.code === 'InternalError')
        this.#options.log.error({ err: messageOf(error), stack: (error as Error).stack, id }, 'S3 request failed');
      for (const [name, value] of Object.entries(refusalHeaders)) response.setHeader(name, value);
      await discarded(raw);
      refuse(raw, response, refusal, id);
    }
  }

  /** The one place in front of every operation: who asks, and whether they may. */
  async #letIn(
    raw: IncomingMessage,
    target: Addressed,
    found: S3Bucket | undefined,
    exchange: S3Exchange,
  ): Promise<{ request: S3Request; operation: Operation }> {
    const { clock } = this.#options;
    const cameAt = { wall: clock.now(), monotonic: clock.monotonic() };
    const { verified, asker } = await this.#authenticated(raw, cameAt);
    const operation = operationOf(raw.method ?? 'GET', target);
    Object.assign(exchange, { operation: operation.name, ...(asker && { user: asker.credential.user }) });
    const bucket = found?.isDeleting && !operation.empties ? undefined : found;
    const request = new S3Request(raw, target, verified, { asker, cameAt }, bucket, this.#authorizer);
    const { asks, isSignedInside } = operation;
    if (!asker && !asks && !isSignedInside) throw new S3Error('AccessDenied');
    const versionId = target.query.get('versionId');
    // What was replaced or deleted is public no more.
    const isPublic = asks?.isPublic === true && versionId === undefined;
    // Names of buckets are everybody's, as in S3: who asks for one learns whether it is there.
    if (asks)
      await request.checkAlso({
        ...asks,
        isPublic,
        key: keyOf(request),
        ...(versionId !== undefined && { versionId }),
      });
    const owner = request.header('x-amz-expected-bucket-owner');
    if (owner !== undefined && owner !== request.bucket.namespace) throw new S3Error('AccessDenied');
    return { request, operation };
  }

  async #authenticated(
    raw: IncomingMessage,
    cameAt: Asker['cameAt'],
  ): Promise<{ verified: Verified; asker: Asker | undefined }> {
    const { keys } = this.#options;
    const address = raw.socket.remoteAddress ?? '';
    const signed = {
      method: raw.method ?? 'GET',
      rawUrl: raw.url ?? '/',
      headers: raw.headers,
      rawHeaders: raw.rawHeaders,
    };
    try {
      const verified = authenticate(signed, (accessKeyId) => keys.secretOf(accessKeyId), cameAt.wall);
      if (verified.accessKeyId === undefined) return { verified, asker: undefined };
      return { verified, asker: { credential: await keys.identify(verified.accessKeyId, address), cameAt } };
    } catch (error) {
      const refusal = asS3Error(error);
      if (ATTEMPTS.includes(refusal.code)) this.#limit.failed(address, refusal.extra['AWSAccessKeyId']);
      throw refusal;
    }
  }
}

/** Of a list, the prefix that it asks for. */
const keyOf = ({ key, query }: S3Request): string => (key === '' ? (query.get('prefix') ?? '') : key);

/** A client that still sends would not read the answer: a small rest of a body is taken. */
async function discarded(raw: IncomingMessage): Promise<void> {
  let size = 0;
  try {
    for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
      size += (chunk as Buffer).length;
      if (size > MOST_DISCARDED) return;
    }
  } catch {
    // It hears of nothing any more.
  }
}

/** The rest of a large body is not waited for: the connection ends with the answer. */
function refuse(raw: IncomingMessage, response: ServerResponse, refusal: S3Error, id: string): void {
  const path = (raw.url ?? '/').split('?')[0] ?? '/';
  const hasBody = raw.method !== 'HEAD' && refusal.status !== 304;
  const body = hasBody ? refusal.toXml({ id, resource: path }) : '';
  if (!raw.complete) response.setHeader('connection', 'close');
  response.writeHead(
    refusal.status,
    hasBody ? { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) } : {},
  );
  response.end(body);
}
