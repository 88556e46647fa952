import type { KindModule } from '../shared/kind-module.ts';
import { secretKind } from './definition.ts';
import type { Secret } from './types.ts';

export const secret: KindModule<Secret> = {
  definition: secretKind,
  runtime: async () => ({ createRuntime: () => ({}) }),
};
