import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Resource } from '../api/metadata.ts';
import type { TokenAuthenticator } from './auth.ts';
import type { ApiContext } from './context.ts';
import type { ServedResource } from './discovery.ts';
import type { UpgradeRoute } from './upgrades.ts';
import type { ResourceView } from './views.ts';

/** What a kind adds to the API beside the verbs that all kinds have. */
export interface HttpExtension {
  /** Its subresources, and lists of its own. */
  routes?: (app: FastifyInstance, context: ApiContext) => void;
  /** Ways to know whose a token is. */
  authenticators?: (context: ApiContext) => readonly TokenAuthenticator[];
  /** A kind's objects as another API has them, to be read only: what may be seen of these is what may be seen of those. */
  views?: (context: ApiContext) => readonly ResourceView[];
  /** What its routes serve beside documents: for clients that ask what there is. */
  served?: readonly ServedResource[];
  /** Requests that become another protocol. */
  upgrades?: (context: ApiContext) => readonly UpgradeRoute[];
  /** What it tells at /metrics. */
  gauges?: (registry: Registry, context: ApiContext) => void;
  /** The document with what moves by itself: answered on read and never stored. */
  live?: (resource: Resource) => Promise<Resource>;
}
