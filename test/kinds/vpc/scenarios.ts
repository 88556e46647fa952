import fc from 'fast-check';
import type { Hints } from '../../support/from-schema.ts';
import type { Scenario } from '../../../src/proof/scenario.ts';

export const mainVpc = { kind: 'VPC', metadata: { name: 'main' }, spec: { cidrBlock: '10.1.0.0/24' } };
/** Another, for what is in two. */
export const sideVpc = { kind: 'VPC', metadata: { name: 'side' }, spec: { cidrBlock: '10.4.0.0/24' } };

/** What the life of a VPC is made of. */
export const VPC_SCENARIOS: readonly Scenario[] = [
  {
    name: 'two VPCs, one from the pool',
    given: [],
    when: [{ apply: mainVpc }, { apply: { ...mainVpc, metadata: { name: 'pool' }, spec: {} } }],
  },
  {
    name: 'a change of its range refused',
    given: [{ apply: mainVpc }],
    when: [
      { refused: { ...mainVpc, spec: { cidrBlock: '10.2.0.0/24' } }, because: /cannot change/ },
      { apply: { ...mainVpc, metadata: { name: 'other' }, spec: { cidrBlock: '10.2.0.0/24' } } },
    ],
  },
];

/** What the schema alone does not say of a specification that can be Ready here. */
export const VPC_HINTS: Hints = {
  cidrBlock: fc.constantFrom('10.1.0.0/24', '10.2.0.0/16', '10.3.0.0/28'),
  gateway: fc.constantFrom('10.1.0.1', '10.2.0.9'),
};
