import { findCondition, keyOf, refOf } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { notify } from '../../drivers/git/notify.ts';
import { postCommitStatus } from '../../drivers/git/commit-status.ts';
import type { Delivery } from '../../drivers/git/http-call.ts';
import { isSecret } from '../secret/types.ts';
import { gitSource } from './source.ts';
import { isFolder } from './types.ts';
import type { GitSync, Verdict } from './types.ts';

/** Reasons of Ready after which nothing more is expected to happen by itself. */
const FAILED = new Set([
  'FetchFailed',
  'CredentialsNotFound',
  'InvalidRevision',
  'Conflict',
  'HistoryRewritten',
  'PruneBlocked',
  'HealthCheckFailed',
  'RolledBack',
]);
/** The name of the status beside the commit. */
const STATUS_NAME = 'miniaws';

/** What the last pass came to, where that is an end: what others are told of. */
export function verdictOf(sync: GitSync): Verdict | undefined {
  const condition = findCondition(sync, 'Ready');
  const { observed, applied } = sync.status ?? {};
  const commit = observed?.commit ?? applied?.commit ?? '';
  if (condition?.observedGeneration !== sync.metadata.generation) return undefined;
  if (condition.status === 'True') return { commit, state: 'success', reason: condition.reason };
  return FAILED.has(condition.reason) ? { commit, state: 'failure', reason: condition.reason } : undefined;
}

/** Once for each end that is another one. Nobody is told that what nobody was told had failed works. */
export function untold({ spec, status }: GitSync, verdict: Verdict | undefined): Verdict | undefined {
  if (!verdict || (spec.notify === undefined && spec.commitStatus === undefined)) return undefined;
  const told = status?.told;
  const isSame = told?.commit === verdict.commit && told.state === verdict.state && told.reason === verdict.reason;
  return isSame ? undefined : verdict;
}

/** Posts the status and the notification. @returns what could not be delivered, for a person. */
export async function tell(
  sync: GitSync,
  verdict: Verdict,
  view: View,
  now: Date,
  signal: AbortSignal,
): Promise<string[]> {
  const message = findCondition(sync, 'Ready')?.message ?? '';
  const failures = await Promise.all([
    posted(sync, verdict, message, view, signal),
    notified(sync, verdict, message, view, now, signal),
  ]);
  return failures.flatMap((failure) => failure ?? []);
}

async function posted(
  sync: GitSync,
  { commit, state }: Verdict,
  description: string,
  view: View,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { commitStatus, url } = sync.spec;
  const source = gitSource(sync, view);
  const token = 'missing' in source ? undefined : source.credentials?.password;
  if (!commitStatus || commit === '' || isFolder(commit)) return undefined;
  if (token === undefined) return 'commit status: spec.credentials has no token';
  const caFile = 'missing' in source ? undefined : source.credentials?.caFile;
  const repository = {
    forge: commitStatus.forge,
    url,
    token,
    ...(commitStatus.apiUrl === undefined ? {} : { apiUrl: commitStatus.apiUrl }),
    ...(caFile === undefined ? {} : { caFile }),
  };
  const name = `${STATUS_NAME}/${sync.metadata.namespace}/${sync.metadata.name}`;
  return failureOf(
    'commit status',
    await postCommitStatus(repository, { sha: commit, state, name, description }, signal),
  );
}

async function notified(
  sync: GitSync,
  { commit, state, reason }: Verdict,
  message: string,
  view: View,
  now: Date,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { notify: target } = sync.spec;
  // Who was told of no failure is told of no recovery.
  if (!target || (state === 'success' && sync.status?.told?.state !== 'failure')) return undefined;
  const { namespace } = sync.metadata;
  const secret = view.get({ kind: 'Secret', namespace, name: target.secret });
  const url =
    secret && isSecret(secret)
      ? Buffer.from(secret.data?.['url'] ?? '', 'base64')
          .toString('utf8')
          .trim()
      : '';
  if (url === '') return `notification: Secret ${namespace}/${target.secret} has no key url`;
  const notification = {
    subject: keyOf(refOf(sync)),
    severity: state === 'failure' ? ('error' as const) : ('info' as const),
    reason,
    message,
    at: now,
    ...(commit === '' ? {} : { revision: commit }),
  };
  return failureOf('notification', await notify({ url, form: target.form }, notification, signal));
}

const failureOf = (what: string, delivery: Delivery): string | undefined =>
  delivery.delivered ? undefined : `${what}: ${delivery.message}`;
