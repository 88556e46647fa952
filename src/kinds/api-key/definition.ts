import { IMPERSONATE } from '../../api/access.ts';
import type { PolicyRule } from '../../api/access.ts';
import { API_VERSION } from '../../api/metadata.ts';
import type { KindDefinition, View } from '../../api/kind.ts';
import { rulesOfRole } from '../../api/roles.ts';
import type { Cause } from '../../base/errors.ts';
import { accessKeyIdOf } from './access-key-id.ts';
import { isAddressRange } from '../../base/address-ranges.ts';
import { apiKeySpecSchema, apiKeyStatusSchema } from './schema.ts';
import { issued, withToken, withTokens } from './tokens.ts';
import { newToken } from '../../base/token.ts';
import { isApiKey } from './types.ts';
import type { ApiKey } from './types.ts';

const LAST_ADMIN =
  'it is the last key that may do everything for ever and from everywhere: make another one first, or use the machine itself (miniaws kubeconfig --reset)';

/** May do everything, from anywhere, for ever, and has a token. */
const isFullAdmin = ({ metadata, spec, status }: ApiKey): boolean =>
  metadata.deletionTimestamp === undefined &&
  spec.role === 'admin' &&
  spec.namespaces === undefined &&
  spec.expiresAt === undefined &&
  spec.allowedFrom === undefined &&
  (status?.tokens ?? []).some(({ expiresAt }) => expiresAt === undefined);

const isLastAdmin = (key: ApiKey, view: View): boolean =>
  isFullAdmin(key) &&
  !view
    .list(key.kind)
    .some((other) => isApiKey(other) && other.metadata.uid !== key.metadata.uid && isFullAdmin(other));

/** What it allows who has it. */
export const rulesOfKey = ({ spec }: Pick<ApiKey, 'spec'>, kinds: Iterable<KindDefinition>): readonly PolicyRule[] => [
  ...(spec.role === undefined ? [] : rulesOfRole(spec.role, kinds, spec.namespaces)),
  ...(spec.rules ?? []),
];

export const apiKeyKind: KindDefinition<ApiKey> = {
  kind: 'ApiKey',
  apiVersion: API_VERSION,
  scope: 'Cluster',
  plural: 'apikeys',
  singular: 'apikey',
  shortNames: ['key'],
  categories: [],
  description: 'What a person or a machine uses the API with, and what that one may do.',
  names: { are: 'subdomain', maxLength: 253 },
  reconciled: true,
  finalizer: true,
  content: { spec: apiKeySpecSchema },
  status: apiKeyStatusSchema,
  statusReadOnly: true,
  readableBy: 'admin',
  columns: [
    { name: 'User', description: 'Whom it stands for', cell: (r) => r.spec.userId },
    { name: 'Role', description: 'What it may do', cell: roleText },
    { name: 'Expires', description: 'When it lets nobody in any more', cell: (r) => r.spec.expiresAt ?? 'never' },
    {
      name: 'Tokens',
      description: 'How many work',
      wide: true,
      cell: (r) => String((r.status?.tokens ?? []).length),
    },
    {
      name: 'From',
      description: 'Where it may be used from',
      wide: true,
      cell: (r) => r.spec.allowedFrom?.join(',') ?? 'anywhere',
    },
  ],
  indexes: {
    token: (r) => (r.status?.tokens ?? []).map(({ sha256 }) => sha256),
    accessKeyId: (r) => (r.status?.tokens ?? []).map(({ sha256 }) => accessKeyIdOf(sha256)),
  },
  complete: (key) =>
    key.spec.userId === undefined ? { ...key, spec: { ...key.spec, userId: key.metadata.name } } : key,
  check: ({ spec }) => [
    ...(spec.role === undefined && spec.rules === undefined
      ? [cause('role', 'say what it may do: a role (admin, edit, view), or rules')]
      : []),
    ...(spec.namespaces !== undefined && spec.role === undefined
      ? [cause('namespaces', 'is of a role, and there is none: each rule has its own namespaces')]
      : []),
    ...(spec.expiresAt !== undefined && Number.isNaN(Date.parse(spec.expiresAt))
      ? [cause('expiresAt', `"${spec.expiresAt}" is no time that there is`)]
      : []),
    ...(spec.allowedFrom ?? []).flatMap((range, at) =>
      isAddressRange(range)
        ? []
        : [cause(`allowedFrom[${at}]`, `expected an address or a range such as 10.0.0.0/8, found "${range}"`)],
    ),
  ],
  admit: (next, old, view) => ({
    resource: next,
    causes: old && isLastAdmin(old, view) && !isFullAdmin(next) ? [cause('role', LAST_ADMIN)] : [],
  }),
  permanent: (key, view) => (isLastAdmin(key, view) ? LAST_ADMIN : undefined),
  grants: (key, kinds) => [
    ...rulesOfKey(key, kinds),
    // Whom it stands for is in the log and on record, as in Kubernetes' impersonation.
    { verbs: [IMPERSONATE], resources: ['users'], resourceNames: [key.spec.userId] },
  ],
  issue(created, now) {
    const token = newToken();
    const stored = withTokens(created, [issued(token, now)]);
    return { stored, answered: withToken(stored, token) };
  },
};

const cause = (field: string, message: string): Cause => ({
  reason: 'FieldValueInvalid',
  field: `spec.${field}`,
  message,
});

function roleText({ spec }: ApiKey): string {
  const { role, namespaces, rules = [] } = spec;
  const named = role === undefined ? [] : [namespaces === undefined ? role : `${role} in ${namespaces.join(',')}`];
  const ruled = rules.length === 0 ? [] : [`${rules.length} rule${rules.length === 1 ? '' : 's'}`];
  return [...named, ...ruled].join(', ');
}
