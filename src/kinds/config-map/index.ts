import type { KindModule } from '../shared/kind-module.ts';
import { configMapKind } from './definition.ts';
import type { ConfigMap } from './types.ts';

export const configMap: KindModule<ConfigMap> = {
  definition: configMapKind,
  runtime: async () => ({ createRuntime: () => ({}) }),
};
