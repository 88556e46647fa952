import { CORE_V1, DEFAULT_NAMESPACE } from '../../api/metadata.ts';
import type { KindDefinition } from '../../api/kind.ts';
import { governNamespaces } from './govern.ts';
import { namespaceSpecSchema, namespaceStatusSchema } from './schema.ts';
import type { Namespace } from './types.ts';

export const namespaceKind: KindDefinition<Namespace> = {
  kind: 'Namespace',
  apiVersion: CORE_V1,
  scope: 'Cluster',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  categories: [],
  description: 'A part of the cloud with names, a quota and defaults of its own.',
  names: { are: 'label', maxLength: 63 },
  reconciled: true,
  finalizer: true,
  content: { spec: namespaceSpecSchema },
  status: namespaceStatusSchema,
  protobuf: 'message NamespaceSpec { repeated string finalizers = 1; } NamespaceSpec spec = 2;',
  columns: [{ name: 'Status', description: 'Active or Terminating', cell: (r) => r.status?.phase ?? 'Active' }],
  indexes: {},
  check: () => [],
  admit: (resource) => ({ resource, causes: [] }),
  governs: governNamespaces,
  permanent: ({ metadata }) => (metadata.name === DEFAULT_NAMESPACE ? 'this namespace may not be deleted' : undefined),
};
