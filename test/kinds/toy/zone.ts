import type { Resource } from '../../../src/api/metadata.ts';
import { anyController } from '../../../src/engine/steps.ts';
import type { Controller, Step } from '../../../src/engine/contract.ts';
import type { KindModule } from '../../../src/kinds/shared/kind-module.ts';

/** Of the cluster, of a group of its own, with dots in its names, and a controller that needs no Engine and has no table. */
export type Zone = Resource<{ size: number }, { phase?: string }>;

interface Grow extends Step {
  do: 'grow';
  to: number;
}

/** What stands for the world: zones by uid, with their size. */
export const grown = new Map<string, number>();

const controller: Controller<Zone, number, Grow> = {
  kind: 'Zone',
  needsEngine: false,
  watches: [],
  observe: async ({ metadata }) => grown.get(metadata.uid) ?? 0,
  plan({ spec, metadata }, size) {
    const to = metadata.deletionTimestamp ? 0 : spec.size;
    return to === size ? [] : [{ do: 'grow', to, why: `it is ${size}`, event: 'Grown' }];
  },
  async act({ to }, { metadata }) {
    if (to === 0) grown.delete(metadata.uid);
    else grown.set(metadata.uid, to);
  },
  report({ metadata }, size, left) {
    const ready = left.length === 0;
    return {
      status: { phase: ready ? 'Grown' : 'Growing' },
      conditions: [
        {
          type: 'Ready',
          status: ready ? 'True' : 'False',
          reason: ready ? 'Grown' : 'Growing',
          message: `it is ${size}`,
        },
      ],
      outcome: metadata.deletionTimestamp && size === 0 ? { is: 'gone' } : { is: 'reconciled' },
    };
  },
  print: ({ to }) => `grow to ${to}`,
};

export const zone: KindModule<Zone> = {
  definition: {
    kind: 'Zone',
    apiVersion: 'toys.example/v1beta1',
    scope: 'Cluster',
    plural: 'zones',
    singular: 'zone',
    shortNames: [],
    categories: ['all'],
    description: 'A part of the world.',
    names: { are: 'subdomain', maxLength: 63 },
    reconciled: true,
    finalizer: true,
    content: {
      spec: {
        type: 'object',
        additionalProperties: false,
        required: ['size'],
        properties: { size: { type: 'integer', minimum: 1, maximum: 9, description: 'How large it is.' } },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string', description: 'Growing or Grown.' } } },
    columns: [{ name: 'Size', description: 'How large', cell: (r) => String(r.spec.size) }],
    indexes: {},
    check: () => [],
    admit: (next) => ({ resource: next, causes: [] }),
  },
  runtime: async () => ({ createRuntime: () => ({ controller: anyController(controller) }) }),
};
