import type { Ref } from '../../../api/metadata.ts';
import { Failure } from '../../../cli/failure.ts';
import { printable } from '../../../cli/io.ts';
import { duration } from '../../../cli/log-entry.ts';
import { nameOf, objectPath } from '../../../cli/objects.ts';
import type { Session } from '../../../cli/session.ts';
import { Columns } from '../../../cli/table.ts';
import { toYaml } from '../../../cli/yaml.ts';
import type { SyncOperationList } from '../http/operations.ts';
import { shortCommit } from '../types.ts';
import type { GitSync, SyncOperation } from '../types.ts';

/** As many as the server gives at once. */
const ALL = 500;

export interface HistoryFormat {
  output?: string;
  limit?: number;
}

/** What the sync did for commits, newest first. */
export async function operationsOf(
  { client, kinds }: Session,
  ref: Ref,
  limit = ALL,
): Promise<readonly SyncOperation[]> {
  const path = objectPath(kinds, ref, 'operations');
  return (await client.get<SyncOperationList>(path, { query: { limit } })).items;
}

/** `sync history`: the commits that it has worked towards, newest first, what each changed, and how it ended. */
export async function showHistory(session: Session, ref: Ref, { output, limit = 50 }: HistoryFormat): Promise<void> {
  if (output !== undefined && !['wide', 'yaml', 'json'].includes(output))
    throw new Failure(`-o ${output}: expected wide, yaml or json`);
  const operations = await operationsOf(session, ref, limit);
  if (output === 'yaml') return session.print(toYaml({ items: operations }).trimEnd());
  if (output === 'json') return session.print(JSON.stringify({ items: operations }, undefined, 2));
  const wide = output === 'wide';
  const heading = ['COMMIT', 'STARTED', 'CHANGES', 'RESULT', 'TOOK', 'AUTHOR', 'SUBJECT', ...(wide ? ['OBJECTS'] : [])];
  const rows = operations.map((operation, i) => rowOf(operation, i === 0, wide).map(printable));
  session.print(new Columns().lines([heading, ...rows]).join('\n'));
}

function rowOf(operation: SyncOperation, isNewest: boolean, wide: boolean): string[] {
  const { commit, startedAt, endedAt, created, changed, deleted, author, subject, objects = [] } = operation;
  const more = created + changed + deleted - objects.length;
  return [
    shortCommit(commit),
    startedAt,
    `+${created} ~${changed} -${deleted}`,
    resultOf(operation, isNewest),
    endedAt === undefined ? '' : duration(Date.parse(endedAt) - Date.parse(startedAt)),
    author ?? '',
    subject ?? '',
    ...(wide ? [[...objects, ...(more > 0 ? [`and ${more} more`] : [])].join(', ')] : []),
  ];
}

const WHY = { newest: '', pinned: ', pinned', rolledBack: ', gone back to' };

/** One that came to no end before the next began was superseded. */
const resultOf = ({ result, why }: SyncOperation, isNewest: boolean): string =>
  `${result ?? (isNewest ? 'under way' : 'superseded')}${WHY[why]}`;

const WHOLE = /^([0-9a-f]{40}|folder@[0-9a-f]+)$/;

/** The whole id of a commit by its beginning, among those that the sync knows. Throws a Failure that says which it knows. */
export async function wholeCommit(session: Session, ref: Ref, sync: GitSync, given: string): Promise<string> {
  if (WHOLE.test(given)) return given;
  const { observed, applied, healthy } = sync.status ?? {};
  const known = new Set([
    ...[observed, applied, healthy].flatMap((seen) => seen?.commit ?? []),
    ...(await operationsOf(session, ref)).map(({ commit }) => commit),
  ]);
  const [found, more] = [...known].filter((commit) => commit.startsWith(given));
  if (found !== undefined && more === undefined) return found;
  const name = nameOf(session.kinds, ref);
  if (more !== undefined)
    throw new Failure(`${given} begins the ids of more than one commit of ${name}: give it whole`);
  throw new Failure(
    `${name} knows no commit ${given}: give its whole id, 40 hex digits, or one of ${[...known].map(shortCommit).join(', ') || '(none yet)'}`,
  );
}
