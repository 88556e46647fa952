import { CORE_V1 } from '../../api/metadata.ts';
import type { KindDefinition } from '../../api/kind.ts';
import type { Cause } from '../../base/errors.ts';
import {
  bytesOf,
  encoded,
  immutable,
  immutableCauses,
  MAX_DOCUMENT_BYTES,
  sizeCauses,
  texts,
} from '../shared/config-data.ts';
import { usersWarning } from '../shared/config-users.ts';
import type { ConfigMap } from './types.ts';

export const configMapKind: KindDefinition<ConfigMap> = {
  kind: 'ConfigMap',
  apiVersion: CORE_V1,
  scope: 'Namespaced',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  categories: [],
  description: 'Configuration that instances read as files or environment variables. Not for secrets.',
  names: { are: 'subdomain', maxLength: 253 },
  maxBytes: MAX_DOCUMENT_BYTES,
  reconciled: false,
  finalizer: false,
  content: {
    data: texts('Texts, by key.'),
    binaryData: encoded('Bytes in base64, by key. A key is in one of data and binaryData.'),
    immutable,
  },
  status: { type: 'object' },
  protobuf: 'map<string, string> data = 2; map<string, bytes> binaryData = 3; bool immutable = 4;',
  columns: [
    {
      name: 'Data',
      description: 'How many keys it has',
      cell: (r) => String(Object.keys({ ...r.data, ...r.binaryData }).length),
    },
  ],
  indexes: {},
  check: (next, old) => [
    ...immutableCauses(next, old, ['data', 'binaryData']),
    ...sizeCauses('data', bytesOf(next.data, 'utf8') + bytesOf(next.binaryData, 'base64')),
    ...doubled(next),
  ],
  admit: (resource) => ({ resource, causes: [] }),
  deleting: usersWarning,
};

const doubled = ({ data = {}, binaryData = {} }: ConfigMap): Cause[] =>
  Object.keys(binaryData)
    .filter((key) => Object.hasOwn(data, key))
    .map((key) => ({
      reason: 'FieldValueInvalid',
      field: `binaryData["${key}"]`,
      message: 'is in data too; a key is in one of them',
    }));
