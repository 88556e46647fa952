import type { Resource } from '../../../src/api/metadata.ts';
import type { KindModule } from '../../../src/kinds/shared/kind-module.ts';

/** Like a ConfigMap: of Kubernetes' own group, without a spec, with nothing real behind it. */
export type Note = Resource & { data?: Record<string, string>; immutable?: boolean };

export const note: KindModule<Note> = {
  definition: {
    kind: 'Note',
    apiVersion: 'v1',
    scope: 'Namespaced',
    plural: 'notes',
    singular: 'note',
    shortNames: ['no'],
    categories: [],
    description: 'What is to be remembered.',
    names: { are: 'subdomain', maxLength: 253 },
    maxBytes: 2 << 20,
    reconciled: false,
    finalizer: false,
    content: {
      data: {
        type: 'object',
        additionalProperties: { type: 'string', maxLength: 1_000 },
        'x-sensitive': true,
        description: 'The texts.',
      },
      immutable: { type: 'boolean', description: 'Whether it stays as it is.' },
    },
    status: { type: 'object' },
    columns: [{ name: 'Data', description: 'Texts', cell: (r) => String(Object.keys(r.data ?? {}).length) }],
    indexes: {},
    check: () => [],
    admit: (next, old) => ({
      resource: next,
      causes: old?.immutable ? [{ reason: 'FieldValueForbidden', field: 'data', message: 'it is immutable' }] : [],
    }),
  },
  runtime: async () => ({ createRuntime: () => ({}) }),
};
