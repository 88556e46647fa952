import { refOf } from '../../api/metadata.ts';
import type { Clock } from '../../base/clock.ts';
import type { Controller } from '../../engine/contract.ts';
import { planApiKey, reportApiKey } from './plan.ts';
import type { ApiKeyObserved, ApiKeyStep } from './plan.ts';
import { workingTokens } from './tokens.ts';
import type { ApiKey } from './types.ts';

/** Keys work by their document alone; the controller says how they stand, and tidies up what has expired. */
export const apiKeyController = (
  resources: ReadonlySet<string>,
  clock: Clock,
): Controller<ApiKey, ApiKeyObserved, ApiKeyStep> => ({
  kind: 'ApiKey',
  needsEngine: false,
  watches: [],
  observe: async () => ({ resources }),
  plan: planApiKey,
  async act(step, key, pass) {
    if (step.do === 'delete') return pass.remove(refOf(key), key.metadata.uid);
    await pass.claim((latest) => ({ tokens: workingTokens(latest as ApiKey, clock.now()) }));
  },
  report: reportApiKey,
  print: (step, { metadata: { name } }) =>
    step.do === 'delete' ? `delete the expired key ${name}` : `forget expired tokens of ${name}`,
});
