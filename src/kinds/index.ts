import { instanceKind } from './instance/definition.ts';
import { loadBalancerKind } from './load-balancer/definition.ts';
import type { Resource } from '../api/metadata.ts';
import { KindRegistry } from '../api/registry.ts';
import { scalingGroupKind } from './scaling-group/definition.ts';
import type { KindDefinition } from '../api/kind.ts';
import { vpcKind } from './vpc/definition.ts';

/** A kind speaks of its own resource type; tables of kinds speak of any. Admission only ever hands a kind its own documents. */
const widen = <R extends Resource>(kind: KindDefinition<R>): KindDefinition => kind as unknown as KindDefinition;

/** Every kind there is. */
export const KINDS = new KindRegistry([
  widen(vpcKind),
  widen(instanceKind),
  widen(scalingGroupKind),
  widen(loadBalancerKind),
]);
