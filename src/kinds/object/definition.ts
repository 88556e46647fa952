import type { KindDefinition } from '../../api/kind.ts';
import { API_VERSION, findCondition } from '../../api/metadata.ts';
import { formatBytes } from '../../base/quantity.ts';
import { MAX_DOCUMENT_BYTES } from '../shared/config-data.ts';
import { admitObject, checkObject, placeOf } from './admission.ts';
import { withFileContent } from './inline.ts';
import { objectSpecSchema, objectStatusSchema } from './schema.ts';
import type { DeclaredObject } from './types.ts';

export const objectKind: KindDefinition<DeclaredObject> = {
  kind: 'Object',
  apiVersion: API_VERSION,
  scope: 'Namespaced',
  plural: 'objects',
  singular: 'object',
  shortNames: [],
  categories: [],
  description: 'An object of a bucket whose content is declared: it is written, and put back when somebody changes it.',
  names: { are: 'subdomain', maxLength: 253 },
  maxBytes: MAX_DOCUMENT_BYTES,
  reconciled: true,
  finalizer: true,
  content: { spec: objectSpecSchema },
  status: objectStatusSchema,
  columns: [
    { name: 'Bucket', description: 'The bucket that it is in', cell: (r) => r.spec.bucket },
    { name: 'Key', description: 'Its key there', cell: (r) => r.spec.key },
    {
      name: 'Size',
      description: 'The bytes of its content',
      cell: (r) => (r.status?.bytes === undefined ? '<none>' : formatBytes(r.status.bytes)),
    },
    {
      name: 'Ready',
      description: 'Whether it can be read as it is specified',
      cell: (r) => findCondition(r, 'Ready')?.status ?? 'Unknown',
    },
  ],
  indexes: {
    objectKey: (r) => [placeOf(r)],
    Bucket: ({ metadata, spec }) => [`${metadata.namespace}/${spec.bucket}`],
    ConfigMap: ({ metadata, spec }) => named(metadata.namespace, spec.contentFrom?.configMap?.name),
    Secret: ({ metadata, spec }) => named(metadata.namespace, spec.contentFrom?.secret?.name),
  },
  // Who reads the object reads what it is made of.
  grants: ({ metadata, spec }) => {
    const secret = spec.contentFrom?.secret?.name;
    return secret === undefined
      ? []
      : [{ verbs: ['get'], resources: ['secrets'], namespaces: [metadata.namespace], resourceNames: [secret] }];
  },
  inline: withFileContent,
  check: checkObject,
  admit: admitObject,
};

const named = (namespace: string | undefined, name: string | undefined): string[] =>
  name === undefined ? [] : [`${namespace}/${name}`];
