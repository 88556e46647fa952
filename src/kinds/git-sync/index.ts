import type { KindModule } from '../shared/kind-module.ts';
import { gitSyncKind } from './definition.ts';
import type { GitSync } from './types.ts';

export const gitSync: KindModule<GitSync> = { definition: gitSyncKind, runtime: () => import('./runtime.ts') };
