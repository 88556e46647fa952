import type { KindModule } from '../shared/kind-module.ts';
import { showTraffic } from './cli/show-metrics.ts';
import { loadBalancerKind } from './definition.ts';
import type { LoadBalancer } from './types.ts';

export const loadBalancer: KindModule<LoadBalancer> = {
  definition: loadBalancerKind,
  metrics: showTraffic,
  runtime: () => import('./runtime.ts'),
};
