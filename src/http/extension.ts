import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Resource } from '../api/metadata.ts';
import type { ApiContext } from './context.ts';
import type { UpgradeRoute } from './upgrades.ts';

/** What a kind adds to the API beside the verbs that all kinds have. */
export interface HttpExtension {
  /** Its subresources, and lists of its own. */
  routes?: (app: FastifyInstance, context: ApiContext) => void;
  /** Requests that become another protocol. */
  upgrades?: (context: ApiContext) => readonly UpgradeRoute[];
  /** What it tells at /metrics. */
  gauges?: (registry: Registry, context: ApiContext) => void;
  /** The document with what moves by itself: answered on read and never stored. */
  live?: (resource: Resource) => Promise<Resource>;
}
