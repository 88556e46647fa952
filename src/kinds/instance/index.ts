import { RESTARTED_AT } from '../../api/metadata.ts';
import type { KindModule } from '../shared/kind-module.ts';
import { addExec } from './cli/exec.ts';
import { addLogs } from './cli/logs.ts';
import { showInstanceMetrics } from './cli/show-metrics.ts';
import { addTop } from './cli/top.ts';
import { instanceKind } from './definition.ts';
import type { Instance, InstanceStatus } from './types.ts';

const KIND = instanceKind.kind;

export const instance: KindModule<Instance> = {
  definition: instanceKind,
  commands: [
    { group: 'What there is', add: addTop, operands: { top: { words: [instanceKind.plural] } } },
    { group: 'What an instance does', add: addLogs, operands: { logs: { kinds: [KIND], byName: true, many: true } } },
    { group: 'What an instance does', add: addExec, operands: { exec: { kinds: [KIND], byName: true } }, runs: 'exec' },
  ],
  metrics: showInstanceMetrics,
  restart: {
    patch: (at) => ({ metadata: { annotations: { [RESTARTED_AT]: at } } }),
    isCarriedOut: ({ status }, at) => ((status as InstanceStatus | undefined)?.restartedAt ?? '') >= at,
  },
  runtime: () => import('./runtime.ts'),
};
