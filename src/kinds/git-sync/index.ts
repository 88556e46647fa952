import type { KindModule } from '../shared/kind-module.ts';
import { syncRollback } from './cli/rollback.ts';
import { addSync, SYNC_WORDS } from './cli/sync.ts';
import { gitSyncKind } from './definition.ts';
import type { GitSync } from './types.ts';

const names = { kinds: [gitSyncKind.kind], byName: true };

export const gitSync: KindModule<GitSync> = {
  definition: gitSyncKind,
  commands: [{ group: 'What is wanted', add: addSync, operands: { sync: { words: SYNC_WORDS, followedBy: names } } }],
  rollback: syncRollback,
  runtime: () => import('./runtime.ts'),
};
