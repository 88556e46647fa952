import type { Instance } from './types.ts';
import { shortImageId } from '../../base/image-reference.ts';
import { printConfigStep } from './config/steps.ts';
import { printContainerStep } from '../shared/container-steps.ts';
import type { InstanceStep } from './plan.ts';

/** A step in words: for the reconcile log, events and `diff`. */
export function printStep(step: InstanceStep, instance: Instance): string {
  switch (step.do) {
    case 'createDefaultVpc':
      return `create VPC ${instance.metadata.namespace}/default`;
    case 'claimAddress':
      return 'take an address of the VPC';
    case 'claimDraining':
      return 'ask its load balancers to let go of it';
    case 'claimHealthRestart':
      return `restart the process: ${step.why}`;
    case 'pullImage':
      return `pull image ${step.image}`;
    case 'ensureVolume':
      return `make sure of volume ${step.name}`;
    case 'createContainer':
      return `create container ${step.name} from ${step.image === instance.spec.image ? step.image : `${shortImageId(step.image)}, which ${instance.spec.image} was`}`;
    case 'joinNetwork':
      return `connect container ${step.name} to VPC ${step.wanted.vpc}`;
    case 'writeFiles':
    case 'replaceFiles':
      return printConfigStep(step);
    default:
      return printContainerStep(step);
  }
}
