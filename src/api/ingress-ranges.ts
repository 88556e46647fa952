import { parseCidr } from '../base/cidr.ts';
import type { Cidr } from '../base/cidr.ts';
import type { LoadBalancerStatus } from './load-balancer.ts';
import type { View } from './schema.ts';

/** Of the ingress networks of all load balancers, but for one. */
export const ingressRanges = (view: View, but?: string): Cidr[] =>
  [...view.list('LoadBalancer')]
    .filter((lb) => lb.metadata.uid !== but)
    .flatMap((lb) => parseCidr((lb.status as LoadBalancerStatus | undefined)?.ingressCidrBlock ?? '') ?? []);
