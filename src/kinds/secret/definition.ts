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
import type { Secret } from './types.ts';

/** Keys that Kubernetes' types of secrets must have. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
};

export const secretKind: KindDefinition<Secret> = {
  kind: 'Secret',
  apiVersion: CORE_V1,
  scope: 'Namespaced',
  plural: 'secrets',
  singular: 'secret',
  shortNames: [],
  categories: [],
  description:
    'Passwords, keys and certificates that instances read as files or environment variables. Encrypted at rest, and shown to nobody but who reads the Secret itself.',
  names: { are: 'subdomain', maxLength: 253 },
  maxBytes: MAX_DOCUMENT_BYTES,
  reconciled: false,
  finalizer: false,
  readableBy: 'edit',
  content: {
    data: { ...encoded('Bytes in base64, by key.'), 'x-sensitive': true, 'x-encrypted': true },
    stringData: {
      ...texts('Texts, by key: written into data, and never read back.'),
      'x-sensitive': true,
      'x-encrypted': true,
    },
    type: {
      type: 'string',
      default: 'Opaque',
      minLength: 1,
      maxLength: 253,
      description:
        'What it is for. kubernetes.io/tls, kubernetes.io/ssh-auth and kubernetes.io/dockerconfigjson must have the keys of their type. Cannot change.',
    },
    immutable,
  },
  status: { type: 'object' },
  protobuf: 'map<string, bytes> data = 2; string type = 3; map<string, string> stringData = 4; bool immutable = 5;',
  columns: [
    { name: 'Type', description: 'What it is for', cell: (r) => r.type ?? 'Opaque' },
    { name: 'Data', description: 'How many keys it has', cell: (r) => String(Object.keys(r.data ?? {}).length) },
  ],
  indexes: {},
  convert: withStringData,
  check: (next, old) => [
    ...immutableCauses(next, old, ['data']),
    ...sizeCauses('data', bytesOf(next.data, 'base64')),
    ...typeCauses(next, old),
  ],
  admit: (resource) => ({ resource, causes: [] }),
  deleting: usersWarning,
};

/** Left as it is where it is not what it should be: the schema says so then. */
function withStringData(document: Record<string, unknown>): Record<string, unknown> {
  const { stringData, ...rest } = document;
  if (!isMapping(stringData) || !Object.values(stringData).every((text) => typeof text === 'string')) return document;
  const data = rest['data'] ?? {};
  if (!isMapping(data)) return document;
  const written = Object.entries(stringData).map(([key, text]) => [
    key,
    Buffer.from(text as string).toString('base64'),
  ]);
  return { ...rest, data: { ...data, ...Object.fromEntries(written) } };
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function typeCauses(next: Secret, old: Secret | undefined): Cause[] {
  const type = next.type ?? 'Opaque';
  if (old && (old.type ?? 'Opaque') !== type)
    return [
      {
        reason: 'FieldValueForbidden',
        field: 'type',
        message: `cannot change from ${old.type ?? 'Opaque'}; delete the Secret and create it again`,
      },
    ];
  return (REQUIRED[type] ?? [])
    .filter((key) => !Object.hasOwn(next.data ?? {}, key))
    .map((key) => ({ reason: 'FieldValueRequired', field: `data["${key}"]`, message: `is required by type ${type}` }));
}
