import type { KindModule } from '../shared/kind-module.ts';
import { addHistory } from './cli/history.ts';
import { addRollback } from './cli/rollback.ts';
import { addScale } from './cli/scale.ts';
import { scalingGroupKind } from './definition.ts';
import type { ScalingGroup } from './types.ts';

const ONE = { kinds: [scalingGroupKind.kind] };

export const scalingGroup: KindModule<ScalingGroup> = {
  definition: scalingGroupKind,
  commands: [
    { group: 'What is wanted', add: addScale, operands: { scale: ONE } },
    { group: 'What is wanted', add: addRollback, operands: { rollback: ONE } },
    { group: 'What happened', add: addHistory, operands: { history: ONE } },
  ],
  runtime: () => import('./runtime.ts'),
};
