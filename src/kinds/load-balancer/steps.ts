import type { LoadBalancer } from './types.ts';
import type { LoadBalancerStep } from './plan.ts';
import { printContainerStep } from '../shared/container-steps.ts';

const MODES = { ready: 'send requests again to', drain: 'send no more requests to', maint: 'take out' } as const;

/** A step in words: for the reconcile log, events and `diff`. */
export function printBalancerStep(step: LoadBalancerStep, lb: LoadBalancer): string {
  switch (step.do) {
    case 'createDefaultVpc':
      return `create VPC ${lb.metadata.namespace}/default`;
    case 'claimAddress':
      return 'take an address of the VPC';
    case 'claimIngress':
      return 'take a range for its ingress network';
    case 'createIngress':
      return `create its ingress network${lb.status?.ingressCidrBlock ? ` ${lb.status.ingressCidrBlock}` : ''}`;
    case 'joinIngress':
      return `connect container ${step.name} to its ingress network`;
    case 'removeIngress':
      return `remove its ingress network ${step.name}`;
    case 'ensureImage':
      return 'make sure of the image of load balancers';
    case 'createContainer':
      return `create container ${step.name} for ports ${lb.spec.listeners.map((l) => l.port).join(', ')}`;
    case 'registerTargets':
      return `register ${step.targets.map((t) => `${t.instance} (${t.address}:${t.port})`).join(', ')}`;
    case 'checkConfig':
      return 'have HAProxy check the new configuration';
    case 'storeConfig':
      return 'store the configuration';
    case 'reload':
      return 'reload HAProxy, which hands its sockets over';
    case 'addServer':
      return `add ${step.target.instance} to ${step.target.backend}`;
    case 'setServer':
      return `${MODES[step.mode]} ${step.server.server} in ${step.server.backend}`;
    case 'endSessions':
      return `end the sessions of ${step.server.server} in ${step.server.backend} (${step.sessions})`;
    case 'endWorker':
      return `end the ${step.worker.sessions} sessions of an old configuration (worker ${step.worker.id})`;
    case 'removeServer':
      return `remove ${step.server.server} from ${step.server.backend}`;
    default:
      return printContainerStep(step);
  }
}
