import type { KindModule } from '../shared/kind-module.ts';
import { objectKind } from './definition.ts';
import type { DeclaredObject } from './types.ts';

export const object: KindModule<DeclaredObject> = {
  definition: objectKind,
  runtime: () => import('./runtime.ts'),
};
