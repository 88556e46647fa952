import fc from 'fast-check';
import type { Scenario } from '../../../src/proof/scenario.ts';
import type { Hints } from '../../support/from-schema.ts';
import { INSTANCE_HINTS } from '../instance/scenarios.ts';
import { sourceDocuments } from '../instance/config-documents.ts';
import { mainVpc } from '../vpc/scenarios.ts';

const group = (spec: object, template: object = {}) => ({
  apply: {
    kind: 'ScalingGroup',
    metadata: { name: 'web' },
    spec: {
      vpc: 'main',
      minInstances: 0,
      maxInstances: 5,
      template: { spec: { image: 'app:1', ...template } },
      ...spec,
    },
  },
});
const main = { apply: mainVpc };
const two = group({ desiredCount: 2 });

const map = (data: Record<string, string>) => ({ apply: sourceDocuments.map(data) });
const given = group({ desiredCount: 2 }, { files: [{ path: '/a', configMap: 'app', key: 'a' }] });

/** What the life of a group is made of. */
export const GROUP_SCENARIOS: readonly Scenario[] = [
  { name: 'a group is created', given: [main], when: [two] },
  { name: 'scale out', given: [main, two], when: [group({ desiredCount: 4 })] },
  { name: 'scale in', given: [main, group({ desiredCount: 3 })], when: [group({ desiredCount: 1 })] },
  { name: 'rolling update', given: [main, two], when: [group({ desiredCount: 2 }, { image: 'app:2' })] },
  {
    name: 'rolling update while no daemon runs',
    given: [main, two],
    when: [group({ desiredCount: 2 }, { image: 'app:2' })],
    pending: true,
  },
  {
    name: 'recreate',
    given: [main, two],
    when: [group({ desiredCount: 2, strategy: { type: 'Recreate' } }, { image: 'app:2' })],
  },
  {
    name: 'a map changes in the middle of a roll',
    given: [main, map({ a: '1' }), given],
    when: [map({ a: '2' }), map({ a: '3' })],
  },
  {
    name: 'delete, group first',
    given: [main, two],
    when: [{ delete: 'ScalingGroup/default/web' }, { delete: 'VPC/default/main' }],
  },
  {
    name: 'a schedule was missed',
    given: [main, group({ desiredCount: 2, schedules: [{ name: 'noon', cron: '0 12 * * *', minInstances: 3 }] })],
    asleepMs: 13 * 3_600_000,
    when: [],
  },
  {
    name: 'an instance is deleted by hand',
    given: [main, two],
    when: [{ delete: 'Instance/default/web-0' }],
  },
];

const instance = Object.entries(INSTANCE_HINTS).map(([path, hint]) => [`template.spec.${path}`, hint] as const);

/** What the schema alone does not say of a specification that can be Ready here. */
export const GROUP_HINTS: Hints = {
  ...Object.fromEntries(instance),
  vpc: fc.constant('main'),
  minInstances: fc.integer({ min: 0, max: 1 }),
  maxInstances: fc.integer({ min: 2, max: 3 }),
  desiredCount: fc.integer({ min: 1, max: 2 }),
  'template.labels': fc.constantFrom({}, { app: 'web' }),
  'template.metadata': fc.constantFrom(undefined, { annotations: { note: 'a' } }, { labels: { tier: 'b' } }),
  'template.spec.powerState': fc.constant('Running'),
  'template.spec.ports[]': fc.constantFrom('80', '0:81'),
  'template.spec.privateIp': fc.constant(undefined),
  'template.spec.networks': fc.constantFrom([], [{ vpc: 'side' }], [{ vpc: 'side', aliases: ['db'] }]),
  'strategy.maxUnavailable': fc.constantFrom(0, 1, '50%'),
  'strategy.maxSurge': fc.constantFrom(1, '100%'),
  'strategy.minReadySeconds': fc.constantFrom(0, 1),
  'strategy.progressDeadline': fc.constantFrom('1m', '10m'),
  healthCheckGracePeriod: fc.constantFrom('0s', '30s'),
  suspend: fc.constant([]),
  policies: fc.constantFrom([], [{ name: 'load', metric: 'cpu', target: 50 }]),
  schedules: fc.constantFrom([], [{ name: 'new-year', cron: '0 0 1 1 *', desiredCount: 2 }]),
  pin: fc.constantFrom(
    { desiredCount: 2, until: '2000-01-01T00:00:00Z' },
    { desiredCount: 2, until: '2999-01-01T00:00:00Z' },
  ),
};
