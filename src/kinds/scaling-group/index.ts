import { RESTARTED_AT } from '../../api/metadata.ts';
import type { KindModule } from '../shared/kind-module.ts';
import { groupHistory } from './cli/history.ts';
import { groupRollback } from './cli/rollback.ts';
import { addScale } from './cli/scale.ts';
import { scalingGroupKind } from './definition.ts';
import type { ScalingGroup } from './types.ts';

const ONE = { kinds: [scalingGroupKind.kind] };

export const scalingGroup: KindModule<ScalingGroup> = {
  definition: scalingGroupKind,
  commands: [{ group: 'What is wanted', add: addScale, operands: { scale: ONE } }],
  // Another template: its instances are replaced, and a revision says what they were before.
  restart: { patch: (at) => ({ spec: { template: { metadata: { annotations: { [RESTARTED_AT]: at } } } } }) },
  history: groupHistory,
  rollback: groupRollback,
  runtime: () => import('./runtime.ts'),
};
