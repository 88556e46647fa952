import { DURATION_PATTERN } from '../../base/quantity.ts';
import type { JsonSchema } from '../../api/kind.ts';

/** How a group follows its load. */
export interface ScalingPolicy {
  name: string;
  type: 'TargetTracking' | 'Step';
  metric: 'cpu' | 'memory' | 'requestsPerTarget';
  target?: number;
  adjustmentType: 'ChangeInCapacity' | 'PercentChangeInCapacity' | 'ExactCapacity';
  steps: readonly ScalingStep[];
  cooldown?: string;
  disableScaleIn: boolean;
}

export interface ScalingStep {
  lowerBound?: number;
  upperBound?: number;
  adjustment: number;
}

/** What a clock sets. */
export interface ScalingSchedule {
  name: string;
  cron: string;
  timeZone: string;
  minInstances?: number;
  maxInstances?: number;
  desiredCount?: number;
}

export interface ScheduleStatus {
  name: string;
  /** What it was read from; another one begins anew. */
  expression: string;
  /** Runs after this moment are due. */
  since: string;
  lastRun?: string;
  nextRun?: string;
}

/** Of either: what a group could use at once is a handful. */
const MOST = 16;

const name = (what: string): JsonSchema => ({
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
  'x-expected': 'at most 63 lower-case letters, digits and "-"',
  description: `Names the ${what} where it says who scaled.`,
});

const byName: Pick<JsonSchema, 'x-kubernetes-list-type' | 'x-kubernetes-list-map-keys' | 'maxItems' | 'default'> = {
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  maxItems: MOST,
  default: [],
};

export const policiesSchema: JsonSchema = {
  type: 'array',
  ...byName,
  description: 'How the count follows the load. Of several, the one that wants most decides.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'metric'],
    properties: {
      name: name('policy'),
      type: {
        type: 'string',
        enum: ['TargetTracking', 'Step'],
        default: 'TargetTracking',
        description: 'Keeps the metric at target, or adds and removes what steps say.',
      },
      metric: {
        type: 'string',
        enum: ['cpu', 'memory', 'requestsPerTarget'],
        description:
          "The average over the instances: cpu in % of the instance's limit (of one core where it has none), memory in % of its limit, or requests a second that an instance gets from its load balancers (requestsPerTarget).",
      },
      target: {
        type: 'number',
        minimum: 0.001,
        maximum: 1_000_000,
        description: 'TargetTracking: the value of the metric that is to be kept.',
      },
      adjustmentType: {
        type: 'string',
        enum: ['ChangeInCapacity', 'PercentChangeInCapacity', 'ExactCapacity'],
        default: 'ChangeInCapacity',
        description: 'Step: whether an adjustment is a number of instances, a percentage of them, or the count itself.',
      },
      steps: {
        type: 'array',
        default: [],
        maxItems: 20,
        description: 'Step: what is done at which values of the metric. Where no step is, nothing.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['adjustment'],
          properties: {
            lowerBound: { type: 'number', minimum: 0, maximum: 1_000_000, description: 'From this value on.' },
            upperBound: { type: 'number', minimum: 0, maximum: 1_000_000, description: 'Below this value.' },
            adjustment: { type: 'integer', minimum: -10_000, maximum: 10_000, description: 'As adjustmentType says.' },
          },
        },
      },
      cooldown: {
        type: 'string',
        pattern: DURATION_PATTERN,
        maxLength: 32,
        'x-expected': 'a duration such as 30s, 5m or 1h',
        description:
          'After any change of the count, this policy rests so long. Left out: 5m for Step, as at Amazon, and none for TargetTracking.',
      },
      disableScaleIn: { type: 'boolean', default: false, description: 'Only ever adds instances.' },
    },
  },
};

const count = (description: string): JsonSchema => ({ type: 'integer', minimum: 0, maximum: 10_000, description });

export const schedulesSchema: JsonSchema = {
  type: 'array',
  ...byName,
  description:
    'What a clock sets. A minimum or maximum holds until another schedule sets it, in place of the one above; runs that were missed are made up for, once.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'cron'],
    properties: {
      name: name('schedule'),
      cron: {
        type: 'string',
        minLength: 1,
        maxLength: 128,
        description:
          'Minute, hour, day of month, month, day of week: `0 8 * * 1-5`; or @hourly, @daily, @weekly, @monthly.',
      },
      timeZone: {
        type: 'string',
        default: 'UTC',
        minLength: 1,
        maxLength: 64,
        description: 'Whose clock: a name of the time zone database, such as Europe/Berlin.',
      },
      minInstances: count('The least from then on.'),
      maxInstances: count('The most from then on.'),
      desiredCount: count('The count at that time.'),
    },
  },
};

const time = (description: string): JsonSchema => ({ type: 'string', description });

export const scheduleStatusSchema: JsonSchema = {
  type: 'array',
  description: 'The schedules and their runs.',
  items: {
    type: 'object',
    required: ['name', 'expression', 'since'],
    properties: {
      name: { type: 'string', description: "The schedule's name." },
      expression: { type: 'string', description: 'Its cron and time zone.' },
      since: time('Runs after this time are due.'),
      lastRun: time('When it ran last, by its own time.'),
      nextRun: time('When it runs next.'),
    },
  },
};
