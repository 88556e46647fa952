import type { KindModule } from '../shared/kind-module.ts';
import { addHistory } from './cli/history.ts';
import { addRollback } from './cli/rollback.ts';
import { addScale } from './cli/scale.ts';
import { scalingGroupKind } from './definition.ts';
import type { ScalingGroup } from './types.ts';

export const scalingGroup: KindModule<ScalingGroup> = {
  definition: scalingGroupKind,
  commands: [
    { group: 'What is wanted', add: addScale },
    { group: 'What is wanted', add: addRollback },
    { group: 'What happened', add: addHistory },
  ],
  runtime: () => import('./runtime.ts'),
};
