import { own } from '../../base/own.ts';
import { isInstance } from '../instance/types.ts';
import type { Instance } from '../instance/types.ts';
import type { Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';

type Protocol = 'HTTP' | 'TCP';

/** Exactly one of `scalingGroup`, `selector` and `instances` is there: admission sees to it. */
export interface TargetGroup {
  name: string;
  scalingGroup?: string;
  selector?: Record<string, string>;
  instances?: readonly string[];
  targetPort: number;
  healthCheck?: HealthCheck;
}

interface HealthCheck {
  path?: string;
  expectedStatus: number;
  interval: string;
  timeout: string;
  healthyThreshold: number;
  unhealthyThreshold: number;
}

interface LoadBalancerSpec {
  vpc: string;
  type: Protocol;
  listeners: readonly { port: number; protocol?: Protocol }[];
  rules: readonly { port?: number; host?: string; pathPrefix?: string; targetGroup: string }[];
  targetGroups: readonly TargetGroup[];
  algorithm: 'roundRobin' | 'leastConn' | 'source';
  healthCheck: HealthCheck;
  stickiness?: { cookieName: string };
  deregistrationDelay: string;
  idleTimeout: string;
  /** Not in a document that was stored before there was this field: idleTimeout holds then. */
  tunnelTimeout?: string;
  maxConnections: number;
  proxyProtocol: boolean;
  /** Not in a document that was stored before there was this field. */
  trustedProxies?: readonly string[];
}

export interface Target {
  targetGroup: string;
  instance: string;
  uid: string;
  address: string;
  /** `Initial`: claimed, and not known to answer yet. */
  state: 'Initial' | 'Healthy' | 'Unhealthy' | 'Draining';
  since: string;
  lastCheck?: string;
}

export interface LoadBalancerStatus {
  phase?: 'Pending' | 'Active' | 'Degraded' | 'Terminating';
  containerId?: string;
  containerName?: string;
  privateIp?: string;
  vpcUid?: string;
  /** Of the network by which clients reach the proxy of an internal VPC. */
  ingressCidrBlock?: string;
  /**
   * Written before a target gets its first request and until it gets none any more: an instance that is listed here does
   * not stop (I12).
   */
  targets?: readonly Target[];
  healthyTargets?: string;
  /** One that was stored before sessions were counted has none. */
  lastChange?: { at: string; failedRequests: number; cutSessions?: number };
  /** What another container would be made with and this one, of an earlier release, was not. */
  recreateWouldChange?: readonly string[];
}

export type LoadBalancer = Resource<LoadBalancerSpec, LoadBalancerStatus>;

export const isLoadBalancer = (r: Resource): r is LoadBalancer => r.kind === 'LoadBalancer';

/** How the targets of this group are checked; of one that is no longer in the specification, the load balancer's way. */
export const healthCheckOf = ({ spec }: LoadBalancer, targetGroup: string): HealthCheck =>
  spec.targetGroups.find(({ name }) => name === targetGroup)?.healthCheck ?? spec.healthCheck;

/** Whether the target group wants the instance, whatever its state. */
function wants(group: TargetGroup, { metadata }: Instance): boolean {
  if (group.instances) return group.instances.includes(metadata.name);
  if (group.selector)
    return Object.entries(group.selector).every(([key, value]) => own(metadata.labels ?? {}, key) === value);
  return (metadata.ownerReferences ?? []).some(
    (owner) => owner.controller === true && owner.kind === 'ScalingGroup' && owner.name === group.scalingGroup,
  );
}

/** The instances that the load balancer wants, with their target group; of the same primary VPC and namespace only. */
export function selectedTargets(
  { metadata, spec }: LoadBalancer,
  view: View,
): { group: TargetGroup; instance: Instance }[] {
  const instances = view
    .lookup('Instance', 'vpc', `${metadata.namespace}/${spec.vpc}`)
    .filter(isInstance)
    .filter((instance) => instance.spec.vpc === spec.vpc);
  return spec.targetGroups.flatMap((group) =>
    instances.filter((instance) => wants(group, instance)).map((instance) => ({ group, instance })),
  );
}

/** Load balancers that would have this instance for a target. */
export const loadBalancersSelecting = (instance: Instance, view: View): LoadBalancer[] =>
  view
    .lookup('LoadBalancer', 'vpc', `${instance.metadata.namespace}/${instance.spec.vpc}`)
    .filter(isLoadBalancer)
    .filter(({ spec }) => spec.targetGroups.some((group) => wants(group, instance)));
