import fc from 'fast-check';
import type { Action, Scenario } from '../../../src/proof/scenario.ts';
import { simulatedCommit } from '../../../src/drivers/git/simulated-git.ts';
import type { World } from '../../../src/proof/world.ts';
import { mainVpc } from '../vpc/scenarios.ts';
import type { Hints } from '../../support/from-schema.ts';

const url = 'https://git.example/app.git';
const file = (document: object): string => JSON.stringify({ apiVersion: 'miniaws.dev/v1', ...document });
const instance = (name: string, image = 'app:1'): string =>
  file({ kind: 'Instance', metadata: { name }, spec: { image, vpc: 'main' } });
const VPC = file(mainVpc);

const push = (files: Record<string, string> | undefined): Action => ({ push: files, url });
const app = (spec: object = {}): Action => ({
  apply: {
    kind: 'GitSync',
    metadata: { name: 'app' },
    spec: { url, prune: true, pruneGuard: '60%', interval: '30s', ...spec },
  },
});
/** As a webhook would: it looks at once. */
const told = (n: number): Action => ({
  apply: {
    kind: 'GitSync',
    metadata: { name: 'app', annotations: { 'miniaws.dev/sync-at': `2026-01-01T00:00:0${n}Z` } },
    spec: { url, prune: true, pruneGuard: '60%', interval: '30s' },
  },
});
const TWO = { 'vpc.yaml': VPC, 'a.yaml': instance('a'), 'b.yaml': instance('b') };

/** What the life of a sync is made of. */
export const SYNC_SCENARIOS: readonly Scenario[] = [
  { name: 'a sync is created', given: [], when: [push(TWO), app()] },
  {
    name: 'a commit changes one, makes another and removes a third',
    given: [push(TWO), app()],
    when: [push({ 'vpc.yaml': VPC, 'a.yaml': instance('a', 'app:2'), 'c.yaml': instance('c') }), told(1)],
  },
  {
    name: 'a commit comes while no daemon runs',
    given: [push(TWO), app()],
    when: [push({ ...TWO, 'a.yaml': instance('a', 'app:2') }), told(1)],
    pending: true,
  },
  {
    name: 'a bad commit, and an object removed by hand',
    given: [push(TWO), app()],
    when: [push({ ...TWO, 'b.yaml': 'kind: [' }), told(1), { delete: 'Instance/default/a' }],
  },
  {
    name: 'a commit comes while another is being applied',
    given: [push(TWO), app()],
    when: [
      push({ 'vpc.yaml': VPC, 'a.yaml': instance('a', 'app:2'), 'c.yaml': instance('c') }),
      told(1),
      push({ ...TWO, 'b.yaml': instance('b', 'app:2') }),
      told(2),
    ],
  },
  {
    name: 'a pin brings back what an earlier commit had',
    given: [
      push(TWO),
      app(),
      push({ 'vpc.yaml': VPC, 'a.yaml': instance('a', 'app:2'), 'c.yaml': instance('c') }),
      told(1),
    ],
    when: [app({ pin: { commit: simulatedCommit(url, 'main', 1, TWO) } })],
  },
  {
    name: 'a commit does not become Ready, and is gone back from',
    given: [push(TWO), app({ onFailure: 'RollBack', timeout: '10s', interval: '5s' })],
    when: [
      push({
        ...TWO,
        'c.yaml': file({ kind: 'Instance', metadata: { name: 'c' }, spec: { image: 'app:1', vpc: 'none' } }),
      }),
    ],
  },
  { name: 'the branch is gone', given: [push(TWO), app()], when: [push(undefined), told(1)] },
  {
    name: 'delete with everything',
    given: [push(TWO), app({ deletionPolicy: 'Delete' })],
    when: [{ delete: 'GitSync/default/app' }],
  },
];

/** What is in the repository of the walks. */
export const pushApp = (world: World): void => void world.repositories.push(url, 'main', TWO);

/** What the schema alone does not say of a specification that can be Ready here. */
export const SYNC_HINTS: Hints = {
  url: fc.constant(url),
  ref: fc.constantFrom({}, { branch: 'main' }),
  path: fc.constant('.'),
  include: fc.constantFrom(undefined, ['*.yaml']),
  exclude: fc.constantFrom(undefined, ['other/']),
  interval: fc.constantFrom('1m', '5m'),
  schedule: fc.constantFrom(undefined, '*/5 * * * *'),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin'),
  pruneGuard: fc.constantFrom(0, '30%', '100%'),
  timeout: fc.constantFrom('1m', '5m'),
  retryInterval: fc.constantFrom('10s', '1m'),
  dependsOn: fc.constant(undefined),
  suspend: fc.constant(false),
  targetNamespace: fc.constantFrom(undefined, 'default'),
  substitute: fc.constantFrom(undefined, { variables: { A: '1' } }),
  ignore: fc.constantFrom(undefined, [{ kind: 'Instance', fields: ['/spec/image'] }]),
  credentials: fc.constant(undefined),
  verify: fc.constant(undefined),
  decrypt: fc.constant(undefined),
  webhook: fc.constant(undefined),
  notify: fc.constant(undefined),
  commitStatus: fc.constant(undefined),
  pin: fc.constant(undefined),
};
