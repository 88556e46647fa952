import { findCondition } from '../../../api/metadata.ts';
import { definedOnly } from '../../../base/defined.ts';
import type { Instance, InstancePhase } from '../types.ts';

type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** One of the three. */
interface ContainerState {
  running?: { startedAt?: string };
  waiting?: { reason: string; message?: string };
  terminated?: { exitCode: number; reason: string; startedAt?: string; containerID?: string };
}

export interface ContainerStatus {
  name: string;
  image: string;
  imageID: string;
  containerID?: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  state: ContainerState;
  lastState: ContainerState;
}

/** A pod has no phase for one that is stopped as asked: it has ended well. */
const PHASES: Record<InstancePhase, PodPhase> = {
  Pending: 'Pending',
  Starting: 'Running',
  Running: 'Running',
  Stopped: 'Succeeded',
  Succeeded: 'Succeeded',
  Failed: 'Failed',
  CrashLoopBackOff: 'Running',
  Terminating: 'Running',
};

const phaseOf = ({ status }: Instance): InstancePhase => status?.phase ?? 'Pending';

export const podPhase = (instance: Instance): PodPhase => PHASES[phaseOf(instance)];

export function containerStatus(instance: Instance): ContainerStatus {
  const { metadata, spec, status } = instance;
  const state = stateOf(instance);
  const { lastExitCode, containerId } = status ?? {};
  const ended = state.terminated === undefined && lastExitCode !== undefined;
  return {
    name: metadata.name,
    image: spec.image,
    imageID: status?.imageId ?? '',
    ...definedOnly({ containerID: containerId === undefined ? undefined : `docker://${containerId}` }),
    ready: state.running !== undefined && findCondition(instance, 'Ready')?.status === 'True',
    started: state.running !== undefined,
    restartCount: status?.restarts ?? 0,
    state,
    lastState: ended ? { terminated: endOf(lastExitCode) } : {},
  };
}

function stateOf(instance: Instance): ContainerState {
  const phase = phaseOf(instance);
  const { startedAt, lastExitCode = 0 } = instance.status ?? {};
  switch (phase) {
    case 'Starting':
    case 'Running':
    case 'Terminating':
      return { running: definedOnly({ startedAt }) };
    case 'Pending':
    case 'CrashLoopBackOff': {
      const ready = findCondition(instance, 'Ready');
      const reason = phase === 'Pending' ? (ready?.reason ?? 'ContainerCreating') : phase;
      return { waiting: { reason, ...definedOnly({ message: ready?.message }) } };
    }
    case 'Stopped':
      return { terminated: { ...endOf(lastExitCode), reason: 'Stopped' } };
    case 'Succeeded':
    case 'Failed':
      return { terminated: endOf(lastExitCode) };
  }
}

const endOf = (exitCode: number): NonNullable<ContainerState['terminated']> => ({
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
});

/** What kubectl calls STATUS. */
export function statusWord(instance: Pick<Instance, 'metadata'>, { state }: ContainerStatus): string {
  if (instance.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return state.waiting?.reason ?? state.terminated?.reason ?? 'Running';
}
