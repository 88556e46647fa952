import type { KindModule } from '../shared/kind-module.ts';
import { namespaceKind } from './definition.ts';
import type { Namespace } from './types.ts';

export const namespace: KindModule<Namespace> = {
  definition: namespaceKind,
  runtime: () => import('./runtime.ts'),
};
