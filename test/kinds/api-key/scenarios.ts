import fc from 'fast-check';
import type { Scenario } from '../../../src/proof/scenario.ts';
import type { Hints } from '../../support/from-schema.ts';

export const key = (name: string, spec: object) => ({ kind: 'ApiKey', metadata: { name }, spec });
const RULE = { verbs: ['get', 'patch'], resources: ['scalinggroups'], namespaces: ['shop'], resourceNames: ['web'] };

/** What the life of a key is made of. */
export const API_KEY_SCENARIOS: readonly Scenario[] = [
  {
    name: 'keys are made, changed, refused and taken back',
    given: [{ apply: key('root', { role: 'admin' }) }, { apply: key('ci', { rules: [RULE] }) }],
    when: [
      { apply: key('anna', { role: 'edit', namespaces: ['shop'] }) },
      { apply: key('ci', { rules: [RULE], allowedFrom: ['10.0.0.0/8'] }) },
      { refused: key('nobody', {}), because: /say what it may do/ },
      { delete: 'ApiKey/anna' },
    ],
  },
];

/** What the schema alone does not say of a specification that can be Ready here. */
export const API_KEY_HINTS: Hints = {
  role: fc.constantFrom('admin', 'edit', 'view'),
  expiresAt: fc.constantFrom(undefined, '2100-01-01T00:00:00Z'),
  allowedFrom: fc.constantFrom(undefined, ['10.0.0.0/8', '::1', '192.168.0.1']),
};
