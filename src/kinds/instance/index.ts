import type { KindModule } from '../shared/kind-module.ts';
import { addExec } from './cli/exec.ts';
import { addLogs } from './cli/logs.ts';
import { addRestart } from './cli/restart.ts';
import { showInstanceMetrics } from './cli/show-metrics.ts';
import { addTop } from './cli/top.ts';
import { instanceKind } from './definition.ts';
import type { Instance } from './types.ts';

export const instance: KindModule<Instance> = {
  definition: instanceKind,
  commands: [
    { group: 'What is wanted', add: addRestart },
    { group: 'What there is', add: addTop },
    { group: 'What an instance does', add: addLogs },
    { group: 'What an instance does', add: addExec, runs: 'exec' },
  ],
  metrics: showInstanceMetrics,
  runtime: () => import('./runtime.ts'),
};
