import { READ_VERBS } from '../../../api/access.ts';
import type { Column } from '../../../api/kind.ts';
import { CORE_V1 } from '../../../api/metadata.ts';
import type { ResourceView } from '../../../http/views.ts';
import type { Instance } from '../types.ts';
import type { Machine } from './machine.ts';
import { podOf } from './pod.ts';
import type { Pod } from './pod.ts';
import { statusWord } from './status.ts';

/** As kubectl prints pods. */
const COLUMNS: readonly Column<Pod>[] = [
  {
    name: 'Ready',
    description: 'Containers that are ready, of all',
    cell: ({ status }) => `${status?.containerStatuses[0].ready ? 1 : 0}/1`,
  },
  {
    name: 'Status',
    description: 'What its container does',
    cell: (pod) => (pod.status ? statusWord(pod, pod.status.containerStatuses[0]) : 'Unknown'),
  },
  {
    name: 'Restarts',
    description: 'Restarts by the Engine',
    cell: ({ status }) => String(status?.containerStatuses[0].restartCount ?? 0),
  },
  { name: 'IP', description: 'Address in the VPC', wide: true, cell: ({ status }) => status?.podIP ?? '<none>' },
  { name: 'Node', description: 'The machine', wide: true, cell: ({ spec }) => spec.nodeName },
];

/** Instances as pods, for kubectl's logs, exec, attach, cp, port-forward and top, and for whatever else asks for pods. */
export const podView = (of: string, machine: Machine): ResourceView => ({
  of,
  apiVersion: CORE_V1,
  kind: 'Pod',
  scope: 'Namespaced',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  verbs: READ_VERBS,
  subresources: [
    { name: 'log', kind: 'Pod', verbs: ['get'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
    { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
    { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
  ],
  columns: COLUMNS as ResourceView['columns'],
  async renderer() {
    const [nodeName, host] = [await machine.name(), await machine.host()];
    return (resource) => podOf(resource as Instance, { nodeName, hostIP: host?.address });
  },
});
