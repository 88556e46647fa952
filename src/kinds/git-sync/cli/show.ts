import { findCondition } from '../../../api/metadata.ts';
import type { Ref } from '../../../api/metadata.ts';
import { printable } from '../../../cli/io.ts';
import type { Session } from '../../../cli/session.ts';
import { Columns, tinted } from '../../../cli/table.ts';
import { shortCommit } from '../types.ts';
import type { GitSync } from '../types.ts';
import { getSync } from './syncs.ts';

/** `sync get`: where it stands. */
export async function showSync(session: Session, ref: Ref): Promise<void> {
  const sync = await getSync(session, ref);
  const rows = factsOf(sync).map(([name, text]) => [`${name}:`, tinted(name, printable(text), session.colors)]);
  session.print(new Columns().lines(rows).join('\n'));
}

function factsOf({ metadata, spec, status = {} }: GitSync): [string, string][] {
  const seen = (commit: { commit: string; at?: string; ref?: string } | undefined): string =>
    commit ? [shortCommit(commit.commit), commit.ref ?? `since ${commit.at}`].join('  ') : '<none>';
  const condition = (type: string): [string, string][] => {
    const found = findCondition({ status }, type);
    return found ? [[type, `${found.status}  ${found.reason}: ${found.message}`]] : [];
  };
  const [[by, what] = ['default', 'branch']] = Object.entries(spec.ref);
  return [
    ['Name', `${metadata.namespace}/${metadata.name}`],
    ['Repository', spec.url],
    ['Follows', `${by} ${what}, folder ${spec.path}`],
    ['Newest', seen(status.observed)],
    ['Applied', seen(status.applied)],
    ['Healthy', seen(status.healthy)],
    ...(spec.pin
      ? [
          ['Pinned', `${shortCommit(spec.pin.commit)}  ${spec.pin.until ? `until ${spec.pin.until}` : 'for good'}`] as [
            string,
            string,
          ],
        ]
      : []),
    ['Objects', String(status.objects ?? 0)],
    ['Status', spec.suspend ? 'Suspended' : (status.phase ?? 'Pending')],
    ...condition('Ready'),
    ...condition('Degraded'),
  ];
}
