import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Resource } from '../api/metadata.ts';
import type { TokenAuthenticator } from './auth.ts';
import type { ApiContext } from './context.ts';
import type { UpgradeRoute } from './upgrades.ts';

/** What a kind adds to the API beside the verbs that all kinds have. */
export interface HttpExtension {
  /** Its subresources, and lists of its own. */
  routes?: (app: FastifyInstance, context: ApiContext) => void;
  /** Ways to know whose a token is. */
  authenticators?: (context: ApiContext) => readonly TokenAuthenticator[];
  /** Resources that are another view of a kind's objects, by their plurals: what may be done with these is what may be done with those. */
  views?: Readonly<Record<string, string>>;
  /** Requests that become another protocol. */
  upgrades?: (context: ApiContext) => readonly UpgradeRoute[];
  /** What it tells at /metrics. */
  gauges?: (registry: Registry, context: ApiContext) => void;
  /** The document with what moves by itself: answered on read and never stored. */
  live?: (resource: Resource) => Promise<Resource>;
}
