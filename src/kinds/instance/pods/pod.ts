import { API_VERSION, CORE_V1, findCondition, LAST_APPLIED } from '../../../api/metadata.ts';
import type { Condition, Metadata, Resource } from '../../../api/metadata.ts';
import { definedOnly, orNothing } from '../../../base/defined.ts';
import { parseSize } from '../../../base/quantity.ts';
import { portsOf } from '../types.ts';
import type { Instance, InstanceSpec } from '../types.ts';
import { containerStatus, podPhase } from './status.ts';
import type { ContainerStatus } from './status.ts';

/** An instance as Kubernetes' core/v1 has such things. */
export type Pod = Resource<PodSpec, PodStatus>;

interface PodSpec {
  nodeName: string;
  restartPolicy: InstanceSpec['restartPolicy'];
  terminationGracePeriodSeconds?: number;
  containers: readonly [PodContainer];
  volumes?: readonly object[];
}

interface PodContainer {
  name: string;
  image: string;
  ports?: readonly object[];
  volumeMounts?: readonly object[];
  [field: string]: unknown;
}

interface PodStatus {
  phase: string;
  conditions: readonly Condition[];
  containerStatuses: readonly [ContainerStatus];
  reason?: string;
  message?: string;
  startTime?: string;
  hostIP?: string;
  podIP?: string;
  podIPs?: readonly { ip: string }[];
  qosClass: 'BestEffort' | 'Burstable';
}

/** Where it runs. */
export interface Place {
  nodeName: string;
  hostIP: string | undefined;
}

/** The instance with its name, uid and revision, and one container of the same name. */
export function podOf(instance: Instance, { nodeName, hostIP }: Place): Pod {
  const { spec, status } = instance;
  const runs = status?.startedAt !== undefined && podPhase(instance) === 'Running';
  const podIP = runs ? status?.privateIp : undefined;
  return {
    apiVersion: CORE_V1,
    kind: 'Pod',
    metadata: metadataOf(instance),
    spec: {
      nodeName,
      restartPolicy: spec.restartPolicy,
      containers: [containerOf(instance)],
      ...definedOnly({ volumes: orNothing(spec.volumes.map(volumeOf)) }),
    },
    status: {
      phase: podPhase(instance),
      conditions: conditionsOf(instance),
      containerStatuses: [containerStatus(instance)],
      ...(status?.phase === 'Stopped' && { reason: 'Stopped', message: 'powerState of the Instance is Stopped' }),
      ...definedOnly({ startTime: status?.startedAt, hostIP, podIP, podIPs: podIP ? [{ ip: podIP }] : undefined }),
      qosClass: orNothing(limitsOf(spec)) ? 'Burstable' : 'BestEffort',
    },
  };
}

/** What belongs to the document alone stays with it: who owns which field, what was applied, what its deletion waits for. */
function metadataOf({ metadata, kind }: Instance): Metadata {
  const { managedFields: _, finalizers: __, annotations, ...kept } = metadata;
  const { [LAST_APPLIED]: ___, ...others } = annotations ?? {};
  const { name, uid } = metadata;
  return {
    ...kept,
    ...definedOnly({ annotations: orNothing(others) }),
    ownerReferences: [{ apiVersion: API_VERSION, kind, name, uid, controller: true }],
  };
}

function containerOf(instance: Instance): PodContainer {
  const { spec, metadata } = instance;
  const limits = orNothing(limitsOf(spec));
  return {
    name: metadata.name,
    image: spec.image,
    imagePullPolicy: spec.imagePullPolicy,
    resources: limits ? { limits, requests: limits } : {},
    ...definedOnly({
      command: spec.command,
      args: spec.args,
      workingDir: spec.workingDir,
      tty: spec.tty,
      stdin: spec.stdin,
      env: orNothing(Object.entries(spec.env ?? {}).map(variableOf)),
      ports: orNothing(portsIn(instance)),
      volumeMounts: orNothing(
        spec.volumes.map(({ mountPath, subPath, readOnly }, i) => ({
          name: volumeName(i),
          mountPath,
          readOnly,
          ...definedOnly({ subPath }),
        })),
      ),
    }),
  };
}

function variableOf([name, value]: [string, NonNullable<InstanceSpec['env']>[string]]): object {
  if (typeof value === 'string') return { name, value };
  const { configMap, secret, key, optional } = value.valueFrom;
  const ref = { name: configMap ?? secret, key, ...definedOnly({ optional }) };
  return { name, valueFrom: secret === undefined ? { configMapKeyRef: ref } : { secretKeyRef: ref } };
}

/** As they are bound; as they are asked for where nothing is bound. */
const portsIn = (instance: Instance): object[] =>
  (instance.status?.ports ?? portsOf(instance)).map(({ containerPort, hostPort, hostAddress, protocol }) => ({
    containerPort,
    protocol: protocol.toUpperCase(),
    ...(hostPort > 0 && { hostPort }),
    ...(hostAddress && { hostIP: hostAddress }),
  }));

const volumeName = (index: number): string => `volume-${index}`;

const volumeOf = ({ name, hostPath }: InstanceSpec['volumes'][number], index: number): object => ({
  name: volumeName(index),
  ...(hostPath === undefined ? { persistentVolumeClaim: { claimName: name } } : { hostPath: { path: hostPath } }),
});

/** Bytes without a unit: `64m` is mebibytes to us and thousandths to Kubernetes. */
const limitsOf = ({ resources: { cpus, memory } }: InstanceSpec): { cpu?: string; memory?: string } =>
  definedOnly({
    cpu: cpus === undefined ? undefined : `${Math.round(cpus * 1_000)}m`,
    memory: memory === undefined ? undefined : String(parseSize(memory)),
  });

function conditionsOf(instance: Instance): Condition[] {
  const { metadata, status } = instance;
  const ready = findCondition(instance, 'Ready');
  const made: Condition = {
    type: 'PodScheduled',
    status: 'True',
    observedGeneration: status?.observedGeneration ?? metadata.generation,
    lastTransitionTime: metadata.creationTimestamp,
    reason: 'OneNode',
    message: '',
  };
  if (!ready) return [made];
  // What an instance that is stopped as asked calls Ready answers nobody.
  const answers: Condition = status?.phase === 'Stopped' ? { ...ready, status: 'False' } : ready;
  return [made, { ...made, type: 'Initialized' }, answers, { ...answers, type: 'ContainersReady' }];
}
