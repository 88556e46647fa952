import type { FastifyInstance } from 'fastify';
import { StatusError } from '../base/errors.ts';
import type { ApiContext } from './context.ts';
import { AUTHENTICATED } from './permissions.ts';

/**
 * As Kubernetes' own: `/readyz` tells all checks, `/readyz/CHECK` one, which fails with 503. Without its database a daemon
 * is not ready. Without an Engine it is: what needs none goes on, and the check says what is wrong.
 */
export function healthRoutes(app: FastifyInstance, { store, compute, leader }: ApiContext): void {
  const checks: Record<string, () => string | undefined> = {
    database: () => store.outage(),
    engine: () => compute.outage(),
  };
  const line = (name: string): string => {
    const outage = checks[name]?.();
    return `${outage === undefined ? '[+]' : '[-]'}${name} ${outage ?? 'ok'}`;
  };
  app.get('/healthz', AUTHENTICATED, async () => 'ok');
  app.get('/livez', AUTHENTICATED, async () => 'ok');
  app.get('/readyz', AUTHENTICATED, async (_request, reply) => {
    void reply.code(store.outage() === undefined ? 200 : 503).type('text/plain');
    return [...Object.keys(checks).map(line), leader.isLeading() ? 'leading' : 'standing by', ''].join('\n');
  });
  app.get('/readyz/:check', AUTHENTICATED, async (request, reply) => {
    const { check = '' } = request.params as { check?: string };
    if (!Object.hasOwn(checks, check))
      throw new StatusError('NotFound', `there is no check "${check}"; there are ${Object.keys(checks).join(', ')}`);
    void reply.code(checks[check]?.() === undefined ? 200 : 503).type('text/plain');
    return `${line(check)}\n`;
  });
}
