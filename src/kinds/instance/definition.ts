import { hostPortKeys } from '../shared/host-ports.ts';
import { addressKeys, vpcKeys } from '../shared/ip-address.ts';
import { imageIdAsked, isLeaving, portsOf } from './types.ts';
import type { Instance } from './types.ts';
import { admitInstance, checkInstance } from './admission.ts';
import { sourcesOf } from './config/uses.ts';
import { withInit } from './defaults.ts';
import { policyProblems } from './security-level.ts';
import { sizeOf, withSize } from './size.ts';
import { instanceSpecSchema, instanceStatusSchema } from './schema.ts';
import { API_VERSION, findCondition } from '../../api/metadata.ts';
import { shortImageId } from '../../base/image-reference.ts';
import { formatPort } from '../shared/port-mapping.ts';
import type { KindDefinition } from '../../api/kind.ts';

/** The named volumes that it mounts. */
const volumesOf = ({ spec }: Instance): string[] => (spec.volumes ?? []).flatMap(({ name }) => name ?? []);

export const instanceKind: KindDefinition<Instance> = {
  kind: 'Instance',
  apiVersion: API_VERSION,
  scope: 'Namespaced',
  plural: 'instances',
  singular: 'instance',
  shortNames: ['inst'],
  categories: ['all'],
  description: 'A container in a VPC: created, kept as specified, and restarted when its process ends.',
  names: { are: 'label', maxLength: 63 },
  reconciled: true,
  finalizer: true,
  content: { spec: instanceSpecSchema },
  status: instanceStatusSchema,
  columns: [
    { name: 'Image', description: 'The image', cell: (r) => r.spec.image },
    { name: 'VPC', description: 'The VPC', cell: (r) => r.spec.vpc },
    { name: 'Status', description: 'Phase', cell: (r) => r.status?.phase ?? 'Pending' },
    {
      name: 'Ready',
      description: 'Whether the container is as specified and healthy',
      cell: (r) => findCondition(r, 'Ready')?.status ?? 'Unknown',
    },
    { name: 'Restarts', description: 'Restarts by the Engine', cell: (r) => String(r.status?.restarts ?? 0) },
    { name: 'Private-IP', description: 'Address in the VPC', wide: true, cell: (r) => r.status?.privateIp ?? '<none>' },
    {
      name: 'Ports',
      description: 'Published ports',
      wide: true,
      cell: (r) => r.status?.ports?.map(formatPort).join(',') || '<none>',
    },
    {
      name: 'Image-ID',
      description: 'The id of the image that its container runs',
      wide: true,
      cell: (r) => (r.status?.imageId === undefined ? '<none>' : shortImageId(r.status.imageId)),
    },
    {
      name: 'Container',
      description: "The container's name",
      wide: true,
      cell: (r) => r.status?.containerName ?? '<none>',
    },
  ],
  indexes: {
    leaving: (r) => (isLeaving(r) ? [`${r.metadata.namespace}/${r.spec.vpc}`] : []),
    vpc: vpcKeys,
    address: addressKeys,
    volume: (r) => [...new Set(volumesOf(r).map((name) => `${r.metadata.namespace}/${name}`))],
    hostPort: (r) => hostPortKeys(portsOf(r)),
    ConfigMap: (r) => sourcesOf('ConfigMap', r.metadata.namespace, r.spec),
    Secret: (r) => sourcesOf('Secret', r.metadata.namespace, r.spec),
    image: (r) => [r.spec.image, imageIdAsked(r)].flatMap((image) => image ?? []),
  },
  usage: (r) => ({
    instances: 1,
    hostPorts: portsOf(r).length,
    // One that is stopped takes no share of the machine.
    ...(r.spec.powerState === 'Running' ? sizeOf(r.spec) : {}),
  }),
  size: {
    of: ({ spec }) => sizeOf(spec),
    with: (next, size) => ({ ...next, spec: withSize(next.spec, size) }),
  },
  violations: ({ spec }, policy) => policyProblems(spec, policy),
  complete: (next, old) => ({ ...next, spec: withInit(next.spec, old?.spec) }),
  check: checkInstance,
  admit: admitInstance,
};
