import type { FastifyRequest } from 'fastify';
import { NAMESPACES } from '../api/access.ts';
import { refIn } from '../api/kind.ts';
import type { AdmissionSettings, KindDefinition } from '../api/kind.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { WriteContext } from '../admission/operations.ts';
import type { Clock } from '../base/clock.ts';
import { StatusError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Compute } from '../drivers/compute.ts';
import type { Proxies } from '../drivers/proxies.ts';
import type { Informer } from '../engine/informer.ts';
import type { Leadership } from '../engine/leader.ts';
import type { Manager } from '../engine/manager.ts';
import type { Store } from '../store/store.ts';
import type { AuditLog } from './audit-log.ts';
import { authorOf } from './author.ts';
import type { Deletions } from './deletions.ts';

/** What the handlers stand on. */
export interface ApiContext {
  store: Store;
  kinds: KindRegistry;
  clock: Clock;
  log: Log;
  settings: AdmissionSettings;
  compute: Compute;
  proxies: Proxies;
  informer: Informer;
  manager: Manager;
  leader: Leadership;
  audit: AuditLog;
  deletions: Deletions;
  /** The document with what moves by itself: answered on read and never stored. */
  live: (resource: Resource) => Promise<Resource>;
  installation: string;
  version: string;
  /** Aborted when the server stops: what goes on ends. */
  closing: AbortSignal;
  /** How long a session in which nothing moves is kept. */
  idleMs: number;
}

export type Query = Record<string, string | undefined>;

/** Of a parameter that is given twice the first counts, as in Kubernetes. */
export const queryOf = (request: FastifyRequest): Query =>
  Object.fromEntries(
    Object.entries(request.query as Record<string, string | string[]>).map(([name, value]) => [
      name,
      Array.isArray(value) ? value[0] : value,
    ]),
  );
export const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1' || text === '';

export interface Target {
  kind: KindDefinition;
  /** `undefined`: all namespaces. */
  namespace: string | undefined;
  name: string;
}

/** The API version in a route's pattern: `/api/v1/…`, `/apis/GROUP/VERSION/…`. */
function apiVersionOf(route: string): string {
  const [, root, ...rest] = route.split('/');
  return rest.slice(0, root === 'api' ? 1 : 2).join('/');
}

/** The kind and object that the path names. Throws NotFound for a plural that no kind has, or in a scope that the kind has not. */
export function targetOf(request: FastifyRequest, kinds: KindRegistry): Target {
  const {
    plural = NAMESPACES,
    namespace,
    name = '',
  } = request.params as { plural?: string; namespace?: string; name?: string };
  const kind = kinds.ofPlural(apiVersionOf(request.routeOptions.url ?? ''), plural);
  if (!kind) throw new StatusError('NotFound', `the server has no resource "${plural}"`);
  if (kind.scope === 'Cluster' && namespace !== undefined)
    throw new StatusError('NotFound', `${plural} are in no namespace: the path has none`);
  const isCollection = name === '' && request.method === 'GET';
  if (kind.scope === 'Namespaced' && namespace === undefined && !isCollection)
    throw new StatusError(
      'NotFound',
      `${plural} are in namespaces: the path names one, …/namespaces/NAMESPACE/${plural}`,
    );
  return { kind, namespace, name };
}

export const refTo = ({ kind, namespace, name }: Target): Ref => refIn(kind, namespace, name);

/** Limits of numbers in queries: what is out of range is the client's mistake, not a reason to work longer. */
export function numberOf(query: Query, name: string, fallback: number, most: number): number {
  const text = query[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new StatusError('BadRequest', `${name}: expected a whole number, found "${text}"`);
  return Math.min(value, most);
}

/** As Kubernetes' `--field-manager`. */
const MANAGER = /^\P{C}{0,128}$/u;

/** Who the request says that it is: as it says, or its program's name. */
export const fieldManagerOf = (request: FastifyRequest): string =>
  queryOf(request)['fieldManager'] || (request.headers['user-agent'] ?? '').split('/')[0]?.slice(0, 128) || 'unknown';

export function writeContext(request: FastifyRequest, context: ApiContext): WriteContext {
  const query = queryOf(request);
  const manager = fieldManagerOf(request);
  if (!MANAGER.test(query['fieldManager'] ?? ''))
    throw new StatusError('BadRequest', 'fieldManager: expected at most 128 printable characters');
  return {
    settings: { ...context.settings, author: authorOf(request.credential, context.kinds) },
    now: context.clock.now(),
    fieldValidation:
      query['fieldValidation'] === 'Warn' || query['fieldValidation'] === 'Ignore'
        ? query['fieldValidation']
        : 'Strict',
    warnings: [],
    manager,
  };
}

export const isDryRun = (query: Query): boolean => {
  const value = query['dryRun'];
  if (value === undefined || value === '') return false;
  if (value === 'All') return true;
  throw new StatusError('BadRequest', `dryRun: expected All, found "${value}"`);
};
