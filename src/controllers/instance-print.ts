import type { Instance } from '../api/instance.ts';
import type { InstanceStep } from './instance-plan.ts';
import { graceMsOf } from './instance-spec.ts';

/** A step in words: for the reconcile log, events and `diff`. */
export function printStep(step: InstanceStep, instance: Instance): string {
  switch (step.do) {
    case 'createDefaultVpc':
      return `create VPC ${instance.metadata.namespace}/default`;
    case 'claimAddress':
      return 'take an address of the VPC';
    case 'pullImage':
      return `pull image ${step.image}`;
    case 'ensureVolume':
      return `make sure of volume ${step.name}`;
    case 'createContainer':
      return `create container ${step.name} from ${instance.spec.image}`;
    case 'startContainer':
      return `start container ${step.name}`;
    case 'stopContainer':
      return `stop container ${step.name} (up to ${Math.ceil(graceMsOf(instance) / 1000)} s)`;
    case 'removeContainer':
      return `remove container ${step.name}`;
    case 'unpauseContainer':
      return `unpause container ${step.name}`;
    case 'renameContainer':
      return `rename container ${step.name} to ${step.to}`;
    case 'updateContainer':
      return `change ${Object.entries(step.change)
        .map(([field, value]) => `${field} to ${value}`)
        .join(', ')} of container ${step.name} in place`;
    case 'connectContainer':
      return `connect container ${step.name} to its VPC at ${step.address}`;
    case 'disconnectContainer':
      return `disconnect container ${step.name} from network ${step.networkId.slice(0, 12)}`;
  }
}
