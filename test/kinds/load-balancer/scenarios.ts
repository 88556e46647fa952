import fc from 'fast-check';
import type { Scenario } from '../../../src/proof/scenario.ts';
import type { Hints } from '../../support/from-schema.ts';
import { mainVpc } from '../vpc/scenarios.ts';

const instance = (name: string, spec: object = {}) => ({
  apply: {
    kind: 'Instance',
    metadata: { name, labels: { app: 'web' } },
    spec: { image: 'app:1', vpc: 'main', ...spec },
  },
});
const balancer = (spec: object = {}) => ({
  apply: {
    kind: 'LoadBalancer',
    metadata: { name: 'front' },
    spec: {
      vpc: 'main',
      listeners: [{ port: 8080 }],
      targetGroups: [{ name: 'web', selector: { app: 'web' }, targetPort: 80 }],
      ...spec,
    },
  },
});
const group = (desiredCount: number, template: object = {}) => ({
  apply: {
    kind: 'ScalingGroup',
    metadata: { name: 'web' },
    spec: {
      vpc: 'main',
      minInstances: 1,
      maxInstances: 4,
      desiredCount,
      template: { labels: { app: 'web' }, spec: { image: 'app:1', ...template } },
    },
  },
});
const main = { apply: mainVpc };
const internal = { apply: { ...mainVpc, spec: { ...mainVpc.spec, internetGateway: false } } };
const one = [main, instance('web'), balancer()];

/** What the life of a load balancer is made of. */
export const BALANCER_SCENARIOS: readonly Scenario[] = [
  { name: 'a load balancer is created', given: [main, instance('web')], when: [balancer()] },
  { name: 'a target joins', given: one, when: [instance('web-b')] },
  { name: 'a target leaves', given: [...one, instance('web-b')], when: [{ delete: 'Instance/default/web-b' }] },
  { name: 'a target is recreated', given: one, when: [instance('web', { env: { A: '1' } })] },
  { name: 'a rule changes', given: one, when: [balancer({ idleTimeout: '30s', algorithm: 'leastConn' })] },
  { name: 'the ports change', given: one, when: [balancer({ listeners: [{ port: 8080 }, { port: 8081 }] })] },
  { name: 'created in an internal VPC', given: [internal, instance('web')], when: [balancer()] },
  {
    name: 'deleted from an internal VPC',
    given: [internal, instance('web'), balancer()],
    when: [{ delete: 'LoadBalancer/default/front' }],
  },
  {
    name: 'delete, all at once',
    given: one,
    when: [
      { delete: 'LoadBalancer/default/front' },
      { delete: 'Instance/default/web' },
      { delete: 'VPC/default/main' },
    ],
  },
];

/** With a group behind it. */
export const BALANCED_GROUP_SCENARIOS: readonly Scenario[] = [
  { name: 'a group behind it rolls', given: [main, group(2), balancer()], when: [group(2, { env: { A: '1' } })] },
  { name: 'a group behind it scales in', given: [main, group(3), balancer()], when: [group(1)] },
];

/** What the schema alone does not say of a specification that can be Ready here. */
export const BALANCER_HINTS: Hints = {
  vpc: fc.constant('main'),
  type: fc.constant('HTTP'),
  listeners: fc.constantFrom([{ port: 8080 }], [{ port: 8080 }, { port: 8081, protocol: 'HTTP' }], [{ port: 9999 }]),
  rules: fc.constantFrom(
    [],
    [{ targetGroup: 'web' }],
    [
      { host: 'a.example', targetGroup: 'web' },
      { pathPrefix: '/b', targetGroup: 'web' },
    ],
  ),
  targetGroups: fc.constantFrom([{ name: 'web', selector: { app: 'web' }, targetPort: 80 }]),
  healthCheck: fc.constantFrom({}, { path: '/' }, { path: '/', interval: '1s', healthyThreshold: 1 }),
  'stickiness.cookieName': fc.constantFrom('A', 'B'),
  deregistrationDelay: fc.constantFrom('0s', '1s', '30s'),
  idleTimeout: fc.constantFrom('1s', '60s'),
  tunnelTimeout: fc.constantFrom('1s', '1h', '168h'),
  trustedProxies: fc.constantFrom([], ['10.0.0.0/8']),
};
export const BALANCER_TARGET = instance('target').apply;
