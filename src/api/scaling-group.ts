import { GROUP, findCondition } from './metadata.ts';
import type { Resource } from './metadata.ts';
import type { InstanceSpec } from './instance.ts';
import { admitScalingGroup, checkScalingGroup } from './scaling-group-rules.ts';
import type { ScalingPolicy, ScalingSchedule, ScheduleStatus } from './scaling-policies.ts';
import type { PROCESSES } from './scaling-group-schema.ts';
import { scalingGroupSpecSchema, scalingGroupStatusSchema } from './scaling-group-schema.ts';
import type { KindDefinition } from './schema.ts';

/** Label of every instance of a group: the group's name. */
export const GROUP_LABEL = `${GROUP}/scaling-group`;
/** Annotation: while it is `"true"`, scaling in and rolling updates leave the instance alone. */
export const SCALE_IN_PROTECTION = `${GROUP}/scale-in-protection`;

export interface Template {
  labels?: Record<string, string>;
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

export const selectorOf = (group: { metadata: { name: string } }): string => `${GROUP_LABEL}=${group.metadata.name}`;

const effective = ({ spec, status }: ScalingGroup) => status?.effective ?? spec;
const counts = (group: ScalingGroup): string => `${group.status?.readyCount ?? 0}/${effective(group).desiredCount}`;

export const scalingGroupKind: KindDefinition<ScalingGroup> = {
  kind: 'ScalingGroup',
  plural: 'scalinggroups',
  singular: 'scalinggroup',
  shortNames: ['sg', 'asg'],
  categories: ['all'],
  description: 'A number of equal instances, kept at that number, replaced when they fail, rolled when they change.',
  // A slot is `-` and up to five digits, and the instance's name is a DNS label of at most 63.
  maxNameLength: 57,
  spec: scalingGroupSpecSchema,
  status: scalingGroupStatusSchema,
  columns: [
    { name: 'Image', description: 'The image of the template', cell: (r) => r.spec.template.spec.image },
    { name: 'Ready-Count', description: 'Ready instances of those desired', cell: counts },
    { name: 'Min', description: 'Never fewer, now', cell: (r) => String(effective(r).minInstances) },
    { name: 'Max', description: 'Never more, now', cell: (r) => String(effective(r).maxInstances) },
    {
      name: 'Updated',
      description: 'Instances of the newest template',
      cell: (r) => String(r.status?.updatedCount ?? 0),
    },
    {
      name: 'Ready',
      description: 'Whether all desired instances are available and of the newest template',
      cell: (r) => findCondition(r, 'Ready')?.status ?? 'Unknown',
    },
    { name: 'VPC', description: 'The VPC', wide: true, cell: (r) => r.spec.vpc },
    { name: 'Revision', description: "The template's", wide: true, cell: (r) => String(r.status?.revision ?? 0) },
    {
      name: 'Scaled-By',
      description: 'Who set the count',
      wide: true,
      cell: (r) => r.status?.scaled?.by ?? '<none>',
    },
  ],
  indexes: { vpc: (r) => [`${r.metadata.namespace}/${r.spec.vpc}`] },
  scale: {
    specField: 'desiredCount',
    replicas: (r) => r.status?.currentCount ?? 0,
    selector: selectorOf,
  },
  check: checkScalingGroup,
  admit: admitScalingGroup,
};
