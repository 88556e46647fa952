import fc from 'fast-check';
import type { Scenario } from '../../../src/proof/scenario.ts';
import type { Hints } from '../../support/from-schema.ts';

export const teamNamespace = (spec: object = {}) => ({ kind: 'Namespace', metadata: { name: 'team' }, spec });
const inTeam = (name: string) => ({ name, namespace: 'team' });
const VPC = { kind: 'VPC', metadata: inTeam('net'), spec: { cidrBlock: '10.7.0.0/24' } };
export const instanceInTeam = (name: string, spec: object = {}) => ({
  kind: 'Instance',
  metadata: inTeam(name),
  spec: { image: 'app:1', vpc: 'net', ...spec },
});
const FRONT = {
  kind: 'LoadBalancer',
  metadata: inTeam('front'),
  spec: {
    vpc: 'net',
    listeners: [{ port: 8080 }],
    targetGroups: [{ name: 'all', instances: ['a'], targetPort: 80 }],
    deregistrationDelay: '1s',
  },
};

/** What the life of a namespace is made of. */
export const NAMESPACE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'a namespace, and what its quota allows',
    given: [],
    when: [
      { apply: teamNamespace({ quota: { instances: 1 } }) },
      { apply: VPC },
      { apply: instanceInTeam('a') },
      {
        refused: instanceInTeam('b'),
        because: /exceeded quota of namespace team, requested: instances=1, used: instances=1/,
      },
    ],
  },
  {
    name: 'a namespace is deleted with all that is in it',
    given: [{ apply: teamNamespace() }, { apply: VPC }, { apply: instanceInTeam('a') }, { apply: FRONT }],
    when: [{ delete: 'Namespace/team' }],
  },
];

/** What the schema alone does not say of a specification that can be Ready here. */
export const NAMESPACE_HINTS: Hints = {
  finalizers: fc.constantFrom(undefined, ['kubernetes']),
};
