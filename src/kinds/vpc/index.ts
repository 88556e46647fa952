import type { KindModule } from '../shared/kind-module.ts';
import { vpcKind } from './definition.ts';
import type { Vpc } from './types.ts';

export const vpc: KindModule<Vpc> = { definition: vpcKind, runtime: () => import('./runtime.ts') };
