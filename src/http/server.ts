import type { Server } from 'node:https';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { messageOf, StatusError } from '../base/errors.ts';
import { Authenticator } from './auth.ts';
import { compressAnswers } from './compression.ts';
import { Connections } from './connections.ts';
import { MAX_BODY_BYTES } from '../api/kind.ts';
import { auditHooks } from './audit.ts';
import { auditRoutes } from './audit-route.ts';
import { reviewRoutes } from './reviews.ts';
import type { ApiContext } from './context.ts';
import { attributesOf, authorize } from './permissions.ts';
import type { KindRegistry } from '../api/registry.ts';
import { discoveryRoutes } from './discovery.ts';
import type { HttpExtension } from './extension.ts';
import { healthRoutes } from './health.ts';
import { historyRoutes } from './history.ts';
import { metricsRoutes } from './metrics.ts';
import { openApiRoutes } from './openapi.ts';
import { planRoutes } from './plan.ts';
import { recordRoutes } from './records.ts';
import { removalRoutes } from './removal.ts';
import { resourceRoutes } from './resources.ts';
import { scaleRoutes } from './scale.ts';
import { asStatusError, statusOf } from './status.ts';
import { serveUpgrades } from './upgrades.ts';
import { viewRoutes } from './views.ts';

/** A client that sends its head or body slower than this is cut off: silence must not hold a connection. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How late a half-sent request may be ended: Node looks for them this often. */
const CHECK_TIMEOUTS_MS = 5_000;
const KEEP_ALIVE_MS = 65_000;
/** For the handshake of TLS, before which a connection is nobody's. */
const HANDSHAKE_MS = 10_000;
/** The kernel asks after a silent client from then on: one that has vanished is found though nothing is sent to it. */
const ASK_AFTER_MS = 30_000;

export interface Tls {
  key: string;
  cert: string;
}

export interface ApiServer {
  /** `https://127.0.0.1:7443`, with the port that it really has. */
  url: string;
  renew(tls: Tls): void;
  close(): Promise<void>;
}

/** Serves the API until closed, which takes a moment however many clients hold on. Throws when the address cannot be had. */
export async function startServer(
  context: ApiContext,
  extensions: readonly HttpExtension[],
  listen: { host: string; port: number },
  tls: Tls,
): Promise<ApiServer> {
  const app = Fastify({
    https: {
      key: tls.key,
      cert: tls.cert,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_TIMEOUTS_MS,
      handshakeTimeout: HANDSHAKE_MS,
      keepAlive: true,
      keepAliveInitialDelay: ASK_AFTER_MS,
    },
    // What is too large for its own kind is refused where the kind is known.
    bodyLimit: Math.max(...context.kinds.all.map(({ maxBytes = MAX_BODY_BYTES }) => maxBytes)),
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 512 },
    logger: false,
    // A path that cannot be read meets no hook and no handler.
    frameworkErrors: (error, _request, reply) => refuse(error, reply as unknown as FastifyReply),
  }) as unknown as FastifyInstance;
  const auth = new Authenticator(
    extensions.flatMap((extension) => extension.authenticators?.(context) ?? []),
    context.clock,
  );
  auditHooks(app, context);
  guard(app, auth, context.kinds);
  compressAnswers(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => {
    const status = asStatusError(error);
    request.refusal = status.reason;
    if (status.reason === 'InternalError')
      context.log.error({ err: messageOf(error), stack: (error as Error).stack }, 'request failed');
    refuse(status, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    const status = new StatusError(
      'NotFound',
      `the server could not find ${request.method} ${request.url.split('?')[0]}`,
    );
    void reply.code(404).send(statusOf(status));
  });
  registerRoutes(app, context, extensions);
  const server = app.server as unknown as Server;
  const connections = new Connections(server, context.clock);
  const upgrades = extensions.flatMap((extension) => extension.upgrades?.(context) ?? []);
  serveUpgrades(server, upgrades, context, auth);
  await app.listen({ host: listen.host, port: listen.port });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : listen.port;
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return {
    url: `https://${host}:${port}`,
    renew: (next) => server.setSecureContext(next),
    close: () => connections.closing(() => app.close()),
  };
}

/** The one place in front of every route: who asks, and whether they may. A route that does not say what it does is not registered. */
function guard(app: FastifyInstance, auth: Authenticator, kinds: KindRegistry): void {
  app.decorateRequest('attributes', undefined);
  app.decorateRequest('visible', 'all');
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.permission === undefined) throw new Error(`${String(method)} ${url} does not declare its permission`);
  });
  app.addHook('onRequest', async (request) => {
    const { permission } = request.routeOptions.config;
    if (permission === 'anonymous') return;
    request.credential = await auth.authenticate(request.headers.authorization, request.raw.socket.remoteAddress);
    // Nothing is there, or it tells nothing of any object.
    if (permission === undefined || permission === 'authenticated') return;
    request.attributes = attributesOf(request, permission, kinds);
    request.visible = authorize(request.credential, request.attributes, permission, kinds);
  });
}

function refuse(error: unknown, reply: FastifyReply): void {
  const status = asStatusError(error);
  const { retryAfterSeconds } = status.details;
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', String(retryAfterSeconds));
  void reply.code(status.code).type('application/json').send(statusOf(status));
}

/** Everything that is answered but upgrades. */
export function registerRoutes(app: FastifyInstance, context: ApiContext, extensions: readonly HttpExtension[]): void {
  metricsRoutes(app, context, extensions);
  const views = extensions.flatMap((extension) => extension.views?.(context) ?? []);
  discoveryRoutes(app, context, [...views, ...extensions.flatMap(({ served = [] }) => served)]);
  openApiRoutes(app, context.kinds);
  recordRoutes(app, context);
  for (const view of views) viewRoutes(app, context, view);
  for (const extension of extensions) extension.routes?.(app, context);
  planRoutes(app, context);
  historyRoutes(app, context);
  resourceRoutes(app, context);
  removalRoutes(app, context);
  scaleRoutes(app, context);
  healthRoutes(app, context);
  auditRoutes(app, context);
  reviewRoutes(app, context, new Map(views.map((view) => [view.plural, context.kinds.must(view.of).plural])));
}
