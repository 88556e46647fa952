import { everywhere, hostPortKeys } from '../shared/host-ports.ts';
import type { LoadBalancer } from './types.ts';
import { admitLoadBalancer, checkLoadBalancer, withTunnelTimeout } from './admission.ts';
import { loadBalancerSpecSchema, loadBalancerStatusSchema } from './schema.ts';
import { API_VERSION, findCondition } from '../../api/metadata.ts';
import type { KindDefinition } from '../../api/kind.ts';

export const loadBalancerKind: KindDefinition<LoadBalancer> = {
  kind: 'LoadBalancer',
  apiVersion: API_VERSION,
  scope: 'Namespaced',
  plural: 'loadbalancers',
  singular: 'loadbalancer',
  shortNames: ['lb'],
  categories: ['all'],
  description: 'Spreads requests over instances of a VPC, and lets none of them notice that one comes or goes.',
  names: { are: 'label', maxLength: 63 },
  reconciled: true,
  finalizer: true,
  content: { spec: loadBalancerSpecSchema },
  status: loadBalancerStatusSchema,
  columns: [
    { name: 'Type', description: 'HTTP or TCP', cell: (r) => r.spec.type },
    { name: 'Ports', description: 'The listeners', cell: (r) => r.spec.listeners.map((l) => l.port).join(',') },
    { name: 'Targets', description: 'Healthy of registered', cell: (r) => r.status?.healthyTargets ?? '0/0' },
    {
      name: 'Ready',
      description: 'Whether it is as specified and every target group has a healthy target',
      cell: (r) => findCondition(r, 'Ready')?.status ?? 'Unknown',
    },
    { name: 'VPC', description: 'The VPC', wide: true, cell: (r) => r.spec.vpc },
    { name: 'Private-IP', description: 'Address in the VPC', wide: true, cell: (r) => r.status?.privateIp ?? '<none>' },
    {
      name: 'Failed',
      description: 'Requests that failed during the last change',
      wide: true,
      cell: (r) => String(r.status?.lastChange?.failedRequests ?? '<none>'),
    },
  ],
  indexes: {
    vpc: (r) => [`${r.metadata.namespace}/${r.spec.vpc}`],
    address: (r) => (r.status?.privateIp ? [`${r.metadata.namespace}/${r.spec.vpc}/${r.status.privateIp}`] : []),
    hostPort: (r) => hostPortKeys(r.spec.listeners.map(({ port }) => everywhere(port))),
    ipRange: (r) => (r.status?.ingressCidrBlock ? [r.status.ingressCidrBlock] : []),
    target: (r) => [...new Set((r.status?.targets ?? []).map((t) => t.uid))],
  },
  usage: ({ spec }) => ({ loadBalancers: 1, hostPorts: spec.listeners.length }),
  complete: withTunnelTimeout,
  check: checkLoadBalancer,
  admit: admitLoadBalancer,
};
