import { CORE_V1 } from '../../../api/metadata.ts';
import type { Condition, Metadata, Resource } from '../../../api/metadata.ts';
import { definedOnly } from '../../../base/defined.ts';
import type { EngineHost } from '../../../drivers/compute.ts';
import { nodeName } from './machine.ts';

/** The machine as Kubernetes' core/v1 has such things. */
export type Node = Resource<object, NodeStatus>;

interface NodeStatus {
  conditions: readonly Condition[];
  addresses: readonly { type: string; address: string }[];
  capacity?: Readonly<Record<string, string>>;
  allocatable?: Readonly<Record<string, string>>;
  nodeInfo?: Readonly<Record<string, string>>;
}

/** What is known of the machine, and since when it is so. */
export interface NodeObserved {
  host: EngineHost | undefined;
  /** Why the Engine is out of reach. */
  outage: string | undefined;
  installation: string;
  since: Date;
  resourceVersion: string;
}

/** Nothing is held back from instances: all of the machine is allocatable. */
export function nodeOf({ host, outage, installation, since, resourceVersion }: NodeObserved): Node {
  const name = nodeName(host, installation);
  const capacity = host && { cpu: String(host.cpus), memory: String(host.memoryBytes) };
  const addresses = [
    ...(host?.address === undefined ? [] : [{ type: 'InternalIP', address: host.address }]),
    { type: 'Hostname', address: name },
  ];
  return {
    apiVersion: CORE_V1,
    kind: 'Node',
    metadata: { name, uid: installation, resourceVersion, ...labelsOf(name, host) } as Metadata,
    spec: {},
    status: {
      conditions: [
        {
          type: 'Ready',
          status: outage === undefined ? 'True' : 'Unknown',
          observedGeneration: 0,
          lastTransitionTime: since.toISOString(),
          reason: outage === undefined ? 'EngineReady' : 'EngineUnavailable',
          message: outage ?? 'the Engine answers',
        },
      ],
      addresses,
      ...definedOnly({ capacity, allocatable: capacity, nodeInfo: host && infoOf(host) }),
    },
  };
}

const labelsOf = (name: string, host: EngineHost | undefined): Pick<Metadata, 'labels'> => ({
  labels: {
    'kubernetes.io/hostname': name,
    ...(host && { 'kubernetes.io/arch': goArchitecture(host.architecture), 'kubernetes.io/os': host.osType }),
  },
});

const infoOf = (host: EngineHost): Record<string, string> => ({
  architecture: goArchitecture(host.architecture),
  containerRuntimeVersion: host.runtime,
  kernelVersion: host.kernelVersion,
  operatingSystem: host.osType,
  osImage: host.operatingSystem,
  // There is no kubelet; clients print the field as the node's version.
  kubeletVersion: host.runtime.split('://').at(-1) ?? '',
});

/** Kubernetes names architectures as Go does, the Engine as the kernel does. */
const GO_NAMES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm', i686: '386' };
const goArchitecture = (name: string): string => GO_NAMES[name] ?? name;
