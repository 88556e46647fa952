import { API_VERSION, findCondition } from '../../api/metadata.ts';
import type { KindDefinition } from '../../api/kind.ts';
import type { PolicyRule } from '../../api/access.ts';
import { editRules, rulesOfRole } from '../../api/roles.ts';
import { admitGitSync, checkGitSync } from './admission.ts';
import { gitSyncSpecSchema, gitSyncStatusSchema } from './schema.ts';
import { shortCommit } from './types.ts';
import type { GitSync } from './types.ts';

const inNamespace = ({ metadata }: GitSync, names: readonly (string | undefined)[]): string[] => [
  ...new Set(names.flatMap((name) => (name === undefined ? [] : [`${metadata.namespace}/${name}`]))),
];

const refText = ({ spec }: GitSync): string => Object.values(spec.ref)[0] ?? 'HEAD';

export const gitSyncKind: KindDefinition<GitSync> = {
  kind: 'GitSync',
  apiVersion: API_VERSION,
  scope: 'Namespaced',
  plural: 'gitsyncs',
  singular: 'gitsync',
  shortNames: ['sync'],
  categories: [],
  description:
    'A Git repository whose files are the desired state: what is pushed is applied, and what is not in it is put back.',
  // With its namespace it is the name of a field manager.
  names: { are: 'label', maxLength: 50 },
  reconciled: true,
  finalizer: true,
  content: { spec: gitSyncSpecSchema },
  status: gitSyncStatusSchema,
  columns: [
    { name: 'Ref', description: 'What is followed', cell: refText },
    {
      name: 'Commit',
      description: 'The commit that is applied',
      cell: (r) => (r.status?.applied ? shortCommit(r.status.applied.commit) : '<none>'),
    },
    { name: 'Objects', description: 'How many objects it keeps', cell: (r) => String(r.status?.objects ?? 0) },
    { name: 'Status', description: 'Phase', cell: (r) => r.status?.phase ?? 'Pending' },
    {
      name: 'Ready',
      description: 'Whether everything of the commit is Ready',
      cell: (r) => findCondition(r, 'Ready')?.status ?? 'Unknown',
    },
    { name: 'URL', description: 'The repository', wide: true, cell: (r) => r.spec.url },
    { name: 'Path', description: 'The folder in it', wide: true, cell: (r) => r.spec.path },
  ],
  indexes: {
    gitUrl: (r) => [r.spec.url],
    dependsOn: (r) => inNamespace(r, r.spec.dependsOn ?? []),
    Secret: (r) =>
      inNamespace(r, [
        r.spec.credentials,
        r.spec.webhook,
        r.spec.notify?.secret,
        r.spec.verify?.secret,
        r.spec.decrypt?.secret,
        ...(r.spec.substitute?.from ?? []).map(({ secret }) => secret),
      ]),
    ConfigMap: (r) =>
      inNamespace(r, [r.spec.verify?.configMap, ...(r.spec.substitute?.from ?? []).map(({ configMap }) => configMap)]),
  },
  check: checkGitSync,
  admit: admitGitSync,
  statusReadOnly: true,
  grants: (sync, kinds) => [...writes(sync, kinds), ...reads(sync)],
};

/** It writes in its own name whatever the files say. */
const writes = ({ spec: { targetNamespace } }: GitSync, kinds: Iterable<KindDefinition>): readonly PolicyRule[] =>
  targetNamespace === undefined
    ? rulesOfRole('admin', kinds)
    : editRules(
        [...kinds].filter(({ scope }) => scope === 'Namespaced'),
        { namespaces: [targetNamespace] },
      );

/** What it reads may come out by what it applies. */
const reads = (sync: GitSync): readonly PolicyRule[] => {
  const { Secret, ConfigMap } = gitSyncKind.indexes;
  const isAny = [...(Secret?.(sync) ?? []), ...(ConfigMap?.(sync) ?? [])].length > 0;
  const namespaces = [sync.metadata.namespace];
  return isAny ? [{ verbs: ['get'], resources: ['secrets', 'configmaps'], namespaces }] : [];
};
