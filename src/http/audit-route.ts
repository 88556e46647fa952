import type { FastifyInstance } from 'fastify';
import { API_VERSION } from '../api/metadata.ts';
import { StatusError } from '../base/errors.ts';
import { definedOnly } from '../base/defined.ts';
import { AUDIT } from '../store/audit.ts';
import { isTrue, numberOf, queryOf } from './context.ts';
import type { ApiContext } from './context.ts';
import { permits } from './permissions.ts';

const DEFAULT_LIMIT = 100;
const MOST = 5_000;
const FILTERS = ['user', 'key', 'verb', 'resource', 'namespace', 'name'] as const;

/** `GET …/auditevents?user=&key=&verb=&resource=&namespace=&name=&refused=true&since=&limit=`: oldest first. */
export function auditRoutes(app: FastifyInstance, { store }: ApiContext): void {
  app.get(`/apis/${API_VERSION}/auditevents`, permits('list', { resource: 'auditevents' }), async (request) => {
    const query = queryOf(request);
    const filters = Object.fromEntries(FILTERS.flatMap((name) => (query[name] ? [[name, query[name]]] : [])));
    const items = await store.beside(AUDIT).find({
      ...filters,
      ...(query['refused'] && isTrue(query['refused']) ? { refused: true } : {}),
      ...definedOnly({ since: timeIn(query['since']) }),
      limit: numberOf(query, 'limit', DEFAULT_LIMIT, MOST) || DEFAULT_LIMIT,
    });
    return { kind: 'AuditEventList', apiVersion: API_VERSION, metadata: {}, items };
  });
}

function timeIn(text: string | undefined): Date | undefined {
  if (!text) return undefined;
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new StatusError('BadRequest', `since: expected a time such as 2030-01-01T00:00:00Z, found "${text}"`);
  return time;
}
