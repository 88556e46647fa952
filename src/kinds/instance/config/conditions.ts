import type { ConditionInput } from '../../../engine/contract.ts';
import { listed } from '../../shared/conditions.ts';
import type { InstanceSpec } from '../types.ts';
import { usesOf } from './uses.ts';

/** Reason of a condition. */
export const CONFIG_NOT_FOUND = 'ConfigNotFound';

/** Beside Ready, which tells of what runs. Of one that is given nothing, there is nothing to say. */
export function configConditions(
  spec: Pick<InstanceSpec, 'env' | 'envFrom' | 'files'>,
  missing: readonly string[],
): ConditionInput[] {
  const type = 'ConfigAvailable';
  if (usesOf(spec).length === 0) return [];
  return missing.length > 0
    ? [{ type, status: 'False', reason: CONFIG_NOT_FOUND, message: listed(missing) }]
    : [{ type, status: 'True', reason: 'Found', message: 'all that it is given is there' }];
}
