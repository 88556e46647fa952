import { LABEL_VALUE, QUALIFIED } from '../../api/label-patterns.ts';
import { instanceSpecSchema } from '../instance/public.ts';
import { policiesSchema, schedulesSchema, scheduleStatusSchema } from './policies-schema.ts';
import type { JsonSchema } from '../../api/kind.ts';
import { duration } from '../shared/schemas.ts';

/** The Engine runs a few hundred; the rest is room for one that is larger than any that was measured. */
const MOST_INSTANCES = 10_000;
/** What a group may be told to leave alone: Amazon's names of its processes. */
export const PROCESSES = [
  'Launch',
  'Terminate',
  'ReplaceUnhealthy',
  'InstanceRefresh',
  'AlarmNotification',
  'ScheduledActions',
] as const;

const count = (description: string): JsonSchema => ({
  type: 'integer',
  minimum: 0,
  maximum: MOST_INSTANCES,
  description,
});

const countOrPercent = (description: string, fallback: number): JsonSchema => ({
  'x-kubernetes-int-or-string': true,
  default: fallback,
  description,
});

/** An instance's specification, but for what the group decides. */
function templateSpec(): JsonSchema {
  const { vpc: _, ...properties } = instanceSpecSchema.properties ?? {};
  return { ...instanceSpecSchema, properties, description: "The instances' specification." };
}

const strategy: JsonSchema = {
  type: 'object',
  'x-also-known-as': ['updateStrategy', 'updatePolicy', 'update_config'],
  additionalProperties: false,
  default: {},
  description: 'How a changed template reaches the instances.',
  properties: {
    type: {
      type: 'string',
      enum: ['RollingUpdate', 'Recreate'],
      default: 'RollingUpdate',
      description: 'A few at a time, or all of the old ones before the first new one.',
    },
    maxUnavailable: countOrPercent(
      'RollingUpdate: by how many the available ones may fall below the desired count; a number or a percentage (rounded down).',
      0,
    ),
    maxSurge: countOrPercent(
      'RollingUpdate: by how many the instances may exceed the desired count; a number or a percentage (rounded up).',
      1,
    ),
    minReadySeconds: {
      type: 'integer',
      minimum: 0,
      maximum: 3600,
      default: 5,
      description: 'Seconds for which a new instance must have been Ready before it counts as available.',
    },
    progressDeadline: duration('A new instance that is not available after so long has failed.', '10m'),
    onFailure: {
      type: 'string',
      enum: ['Pause', 'RollBack'],
      default: 'Pause',
      description: 'What follows when new instances fail: wait for a person, or go back to the template before.',
    },
  },
};

const labels = (description: string): JsonSchema => ({
  type: 'object',
  maxProperties: 32,
  propertyNames: { pattern: QUALIFIED, 'x-expected': 'a label key such as app or example.com/team' },
  additionalProperties: {
    type: 'string',
    maxLength: 63,
    pattern: LABEL_VALUE,
    'x-expected': 'at most 63 letters, digits, "-", "_" and "."',
  },
  description,
});

export const scalingGroupSpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['minInstances', 'maxInstances', 'template'],
  properties: {
    vpc: {
      type: 'string',
      default: 'default',
      minLength: 1,
      maxLength: 63,
      'x-also-known-as': ['network', 'networks', 'vpcId', 'vpcName', 'subnet', 'subnetId'],
      description: 'The VPC of the same namespace. Immutable. "default" is made when it is needed.',
    },
    minInstances: {
      ...count('Never fewer than these.'),
      'x-also-known-as': ['min', 'minSize', 'minReplicas', 'minCount'],
    },
    maxInstances: {
      ...count('Never more than these, but for the surge of a rolling update.'),
      'x-also-known-as': ['max', 'maxSize', 'maxReplicas', 'maxCount'],
    },
    desiredCount: {
      ...count(
        'How many instances; minInstances when left out at creation. Left out later, it stays with whoever set it last.',
      ),
      'x-also-known-as': ['replicas', 'desiredCapacity', 'desired', 'count', 'scale', 'instances'],
    },
    template: {
      type: 'object',
      additionalProperties: false,
      required: ['spec'],
      'x-also-known-as': ['launchTemplate', 'launchConfiguration', 'instanceTemplate'],
      description: 'What the instances are made from. A change replaces them, as strategy says.',
      properties: {
        labels: labels("The instances' labels; metadata.labels says the same."),
        metadata: {
          type: 'object',
          additionalProperties: false,
          description: "The instances' metadata.",
          properties: {
            labels: labels("The instances' labels."),
            annotations: {
              type: 'object',
              maxProperties: 64,
              propertyNames: { pattern: QUALIFIED, 'x-expected': 'an annotation key such as example.com/owner' },
              additionalProperties: { type: 'string', maxLength: 32_768 },
              description: "The instances' annotations. A change replaces them, as one of the specification does.",
            },
          },
        },
        spec: templateSpec(),
      },
    },
    strategy,
    policies: policiesSchema,
    schedules: schedulesSchema,
    terminationPolicy: {
      type: 'string',
      enum: ['NewestInstance', 'OldestInstance'],
      default: 'NewestInstance',
      description:
        'Which of those that are equally well go first. Unhealthy, outdated and unready ones go before them.',
    },
    healthCheckType: {
      type: 'string',
      enum: ['Engine', 'LoadBalancer'],
      default: 'Engine',
      description:
        "Whose word makes an instance unhealthy: its own health check and the Engine's, or the load balancer's too.",
    },
    healthCheckGracePeriod: duration('An instance this young is not replaced for being unhealthy.', '30s'),
    suspend: {
      type: 'array',
      default: [],
      uniqueItems: true,
      maxItems: PROCESSES.length,
      items: { type: 'string', enum: PROCESSES },
      description:
        'What is not done for the time being. AlarmNotification is what policies would do, ScheduledActions what schedules would; a run that comes meanwhile is not made up for.',
    },
    pin: {
      type: 'object',
      additionalProperties: false,
      required: ['desiredCount', 'until'],
      description: 'A count that holds before every other, until a time (miniaws scale --for).',
      properties: {
        desiredCount: count('How many instances until then.'),
        until: {
          type: 'string',
          maxLength: 32,
          pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$',
          'x-expected': 'a time such as 2026-11-23T14:00:00Z',
          description: 'When it lets go.',
        },
      },
    },
  },
};

export const scalingGroupStatusSchema: JsonSchema = {
  type: 'object',
  properties: {
    currentCount: {
      type: 'integer',
      description: 'Instances of the group that exist, but for those that are leaving.',
    },
    readyCount: { type: 'integer', description: 'Those that are Ready.' },
    availableCount: {
      type: 'integer',
      description: 'Those that have been Ready for minReadySeconds and are up in their load balancers.',
    },
    updatedCount: { type: 'integer', description: 'Those of the newest template.' },
    selector: { type: 'string', description: "The instances' labels, for /scale." },
    effective: {
      type: 'object',
      description: 'What holds now.',
      properties: {
        minInstances: { type: 'integer', description: 'The least.' },
        maxInstances: { type: 'integer', description: 'The most.' },
        desiredCount: { type: 'integer', description: 'The count that the group converges to.' },
      },
    },
    scaled: {
      type: 'object',
      description: 'Who set the desired count that holds.',
      properties: {
        by: { type: 'string', description: 'The field owner: a person, git, schedule/NAME, policy/NAME, bounds.' },
        at: { type: 'string', description: 'When.' },
        why: { type: 'string', description: 'Why, as far as it is known.' },
      },
    },
    schedules: scheduleStatusSchema,
    revision: { type: 'integer', description: "The template's revision." },
    revisions: {
      type: 'array',
      description: 'The last ten templates, oldest first.',
      items: {
        type: 'object',
        required: ['revision', 'hash', 'createdAt', 'template'],
        properties: {
          revision: { type: 'integer', description: 'Its number.' },
          hash: { type: 'string', description: 'Of the template, and of config.' },
          config: {
            type: 'object',
            additionalProperties: { type: 'string' },
            description: 'Digests of what the instances are given, where a change of it makes a new revision.',
          },
          createdAt: { type: 'string', description: 'When the group first had it.' },
          by: { type: 'string', description: 'Who set it.' },
          completedAt: { type: 'string', description: 'When all desired instances were first available with it.' },
          failed: { type: 'string', description: 'Why its instances did not become available.' },
          imageId: {
            type: 'string',
            description: "Id of the image that the template's image was when its instances first ran.",
          },
          template: { type: 'object', description: 'The template.' },
        },
      },
    },
  },
};
