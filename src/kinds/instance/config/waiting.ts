import type { Container } from '../../../drivers/compute.ts';
import { WAITING_LOOK_MS } from '../../../engine/contract.ts';
import type { ConditionInput, Outcome } from '../../../engine/contract.ts';
import { listed, ready } from '../../shared/conditions.ts';
import type { Instance } from '../types.ts';
import { CONFIG_NOT_FOUND } from './conditions.ts';
import type { ResolvedConfig } from './resolve.ts';

/**
 * It cannot be made, or started for the first time, without all that it is given. `kept` is the container where that is
 * as the specification has it: such a one goes on as it is, and there is nothing to wait for.
 */
export function configWait(
  { spec }: Instance,
  { missing }: ResolvedConfig,
  container: Container | undefined,
  kept: Container | undefined,
): { ready: ConditionInput; outcome: Outcome } | undefined {
  const [first] = missing;
  const isNeeded = !kept || (kept.state === 'created' && spec.powerState === 'Running');
  if (first === undefined || !isNeeded) return undefined;
  const meanwhile = container && !kept ? '; until then it runs on as it was made' : '';
  return {
    ready: ready('False', CONFIG_NOT_FOUND, `${listed(missing)}${meanwhile}`),
    outcome: { is: 'waiting', on: 'what it is given', afterMs: WAITING_LOOK_MS },
  };
}
