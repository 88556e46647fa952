import { GROUP } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import type { InstanceSpec } from '../instance/types.ts';
import type { ScalingPolicy, ScalingSchedule, ScheduleStatus } from './policies-schema.ts';
import type { PROCESSES } from './schema.ts';

/** Label of every instance of a group: the group's name. */
export const GROUP_LABEL = `${GROUP}/scaling-group`;
/** Annotation: while it is `"true"`, scaling in and rolling updates leave the instance alone. */
export const SCALE_IN_PROTECTION = `${GROUP}/scale-in-protection`;

export interface Template {
  /** The labels beside, or in place of, those of `metadata`. */
  labels?: Record<string, string>;
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: Omit<InstanceSpec, 'vpc'>;
}

interface ScalingGroupSpec {
  vpc: string;
  minInstances: number;
  maxInstances: number;
  /** Always there after admission. */
  desiredCount: number;
  template: Template;
  strategy: {
    type: 'RollingUpdate' | 'Recreate';
    maxUnavailable: number | string;
    maxSurge: number | string;
    minReadySeconds: number;
    progressDeadline: string;
    onFailure: 'Pause' | 'RollBack';
  };
  policies: readonly ScalingPolicy[];
  schedules: readonly ScalingSchedule[];
  terminationPolicy: 'NewestInstance' | 'OldestInstance';
  healthCheckType: 'Engine' | 'LoadBalancer';
  healthCheckGracePeriod: string;
  suspend: readonly (typeof PROCESSES)[number][];
  pin?: { desiredCount: number; until: string };
}

export interface Revision {
  revision: number;
  hash: string;
  createdAt: string;
  by?: string;
  /** When all desired instances were available with it for the first time: it is known to work. */
  completedAt?: string;
  failed?: string;
  /** The image that the template's reference meant when its instances first ran: others are made from it too. */
  imageId?: string;
  /** Digests of what its instances were given, where a change of that makes a new revision. */
  config?: Readonly<Record<string, string>>;
  template: Template;
}

export interface ScalingGroupStatus {
  currentCount?: number;
  readyCount?: number;
  availableCount?: number;
  updatedCount?: number;
  selector?: string;
  effective?: { minInstances: number; maxInstances: number; desiredCount: number };
  scaled?: { by: string; at: string; why: string };
  schedules?: readonly ScheduleStatus[];
  revision?: number;
  revisions?: readonly Revision[];
}

export type ScalingGroup = Resource<ScalingGroupSpec, ScalingGroupStatus>;

export const isScalingGroup = (r: Resource): r is ScalingGroup => r.kind === 'ScalingGroup';

/** What people want its instances to be labelled with. */
export const labelsOf = ({ labels, metadata }: Template): Record<string, string> => ({
  ...metadata?.labels,
  ...labels,
});

export const selectorOf = (group: { metadata: { name: string } }): string => `${GROUP_LABEL}=${group.metadata.name}`;
