import type { KindModule } from '../shared/kind-module.ts';
import { addKey, KEY_WORDS } from './cli/key.ts';
import { apiKeyKind } from './definition.ts';
import type { ApiKey } from './types.ts';

export const apiKey: KindModule<ApiKey> = {
  definition: apiKeyKind,
  commands: [
    {
      group: 'Who may do what',
      add: addKey,
      operands: { key: { words: KEY_WORDS, followedBy: { kinds: [apiKeyKind.kind], byName: true, many: true } } },
    },
  ],
  runtime: () => import('./runtime.ts'),
};
