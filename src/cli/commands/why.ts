import type { Command } from 'commander';
import { isReady, titleOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { LogEntry } from '../../api/records.ts';
import { printableAll } from '../io.ts';
import type { ReconcileLog } from '../log-entry.ts';
import { findObject, getObject, involving, logPath } from '../objects.ts';
import type { ObjectList } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { refOfWords } from '../targets.ts';
import { chainOf, linkLines, referredBy, stateLines } from '../why.ts';

/** Entries looked through for the change that began it. */
const LOOKED_THROUGH = 200;

export function addWhy(program: Command, setup: ClientSetup): void {
  program
    .command('why')
    .argument('<object...>', 'KIND/NAME')
    .description('tell what led to the present state of an object')
    .action(
      task<[string[]], object>(setup, (session, [words]) =>
        why(session, refOfWords(session.kinds, words, session.namespace)),
      ),
    );
}

async function why(session: Session, ref: Ref): Promise<void> {
  const object = printableAll(await getObject(session.client, ref));
  if (session.kinds.get(ref.kind)?.reconciled === false)
    return session.print(`${titleOf(ref)} is what was written: nothing acts on it, and others read it.`);
  const chain = chainOf(await entriesOf(session, ref), object.metadata.uid);
  const { colors } = session;
  const now = new Date();
  const lines = [
    ...stateLines(object, now, colors),
    ...(isReady(object) ? [] : await causesElsewhere(session, object, now)),
    '',
    ...chain.flatMap((entry, i) => linkLines(entry, i, now, colors)),
    ...(chain.length === 0 ? ['The reconcile log has no entry of it: no pass has done or failed anything yet.'] : []),
  ];
  session.print(lines.join('\n'));
}

async function entriesOf({ client }: Session, ref: Ref): Promise<LogEntry[]> {
  const query = { fieldSelector: involving(ref), limit: LOOKED_THROUGH };
  const { items } = await client.get<ObjectList<ReconcileLog>>(logPath(ref.namespace), { query });
  return items.map(({ entry }) => printableAll(entry));
}

/** What an object that is not Ready refers to may be the cause: it is told when it is missing or not Ready itself. */
async function causesElsewhere({ client, kinds, colors }: Session, object: Resource, now: Date): Promise<string[]> {
  const lines: string[] = [];
  for (const ref of referredBy(kinds, object)) {
    const other = await findObject(client, ref);
    if (!other) lines.push(`it refers to ${titleOf(ref)}, which does not exist`);
    else if (!isReady(other))
      lines.push('it refers to:', ...stateLines(printableAll(other), now, colors).map((line) => `  ${line}`));
  }
  return lines;
}
