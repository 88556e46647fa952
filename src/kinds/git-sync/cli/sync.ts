import type { Command } from 'commander';
import type { Ref } from '../../../api/metadata.ts';
import { findCondition } from '../../../api/metadata.ts';
import { get } from '../../../cli/commands/get.ts';
import type { RollbackOptions } from '../../../cli/command.ts';
import { Failure } from '../../../cli/failure.ts';
import { booleanFlag, countFlag, durationFlag } from '../../../cli/flags.ts';
import { printable } from '../../../cli/io.ts';
import { nameOf } from '../../../cli/objects.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { gitSyncKind } from '../definition.ts';
import { ALLOW_PRUNE, ALLOW_REWRITE, shortCommit, SYNC_AT } from '../types.ts';
import type { GitSync } from '../types.ts';
import { addCreate } from './create.ts';
import { syncRollback } from './rollback.ts';
import { showHistory } from './commits.ts';
import type { HistoryFormat } from './commits.ts';
import { showSync } from './show.ts';
import { changeSync, getSync, syncRefOf } from './syncs.ts';

/** Of which a name follows. */
export const SYNC_WORDS = [
  'list',
  'get',
  'now',
  'diff',
  'suspend',
  'resume',
  'history',
  'rollback',
  'allow-prune',
  'allow-rewrite',
  'create',
];

interface ListOptions {
  allNamespaces?: boolean;
  output?: string;
}

/** `miniaws sync`: what a person does with syncs of repositories. */
export function addSync(program: Command, setup: ClientSetup): void {
  const sync = program.command('sync').description('syncs of Git repositories: see miniaws sync --help');
  addCreate(sync, setup);
  sync
    .command('list')
    .description('print syncs')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-o, --output <format>', 'wide, yaml, json or name')
    .action(
      task<[], ListOptions>(setup, (session, _, options) =>
        get(session, [{ kind: session.kinds.must(gitSyncKind.kind) }], { ...options, headers: true }),
      ),
    );
  const add = (name: string, description: string, run: (session: Session, ref: Ref) => Promise<void>) =>
    sync
      .command(name)
      .argument('<name>', 'of a sync')
      .description(description)
      .action(task<[string], object>(setup, (session, [word]) => run(session, syncRefOf(session, word))));
  add('get', 'print where a sync stands', showSync);
  add('now', 'ask the remote now, and not only at the next interval', syncNow);
  add('diff', 'print what the sync would do now', diff);
  add('suspend', 'fetch, apply and put back nothing, until it is resumed', (session, ref) =>
    changeSync(session, ref, { spec: { suspend: true } }, 'suspended'),
  );
  add('resume', 'go on after a suspension', (session, ref) =>
    changeSync(session, ref, { spec: { suspend: false } }, 'resumed'),
  );
  add('allow-prune', 'let the newest commit delete more than spec.pruneGuard allows, once', allowPrune);
  add('allow-rewrite', 'go on with the newest commit although the branch was rewritten, once', allowRewrite);
  addHistory(sync, setup);
  addRollback(sync, setup);
}

function addHistory(sync: Command, setup: ClientSetup): void {
  sync
    .command('history')
    .argument('<name>', 'of a sync')
    .description('print the commits that a sync has worked towards, what each changed, and how it ended')
    .option('--limit <n>', 'at most so many (default: 50)', countFlag)
    .option('-o, --output <format>', 'wide, yaml or json')
    .action(
      task<[string], HistoryFormat>(setup, (session, [word], options) =>
        showHistory(session, syncRefOf(session, word), options),
      ),
    );
}

function addRollback(sync: Command, setup: ClientSetup): void {
  sync
    .command('rollback')
    .argument('<name>', 'of a sync')
    .description('hold a sync at a commit')
    .option('--to <commit>', 'which; none: the newest again; left out: the last one before this that worked')
    .option('--for <time>', 'only for so long (2h, 30m)', durationFlag)
    .option('--wait [yes]', 'wait until everything of it is Ready', booleanFlag)
    .option('--timeout <time>', 'how long to wait at most; 0: for ever', durationFlag, 300_000)
    .action(
      task<[string], RollbackOptions>(setup, (session, [word], options) =>
        syncRollback.run(session, syncRefOf(session, word), options),
      ),
    );
}

function syncNow(session: Session, ref: Ref): Promise<void> {
  const annotations = { [SYNC_AT]: new Date().toISOString() };
  return changeSync(session, ref, { metadata: { annotations } }, 'asks the remote now');
}

async function diff(session: Session, ref: Ref): Promise<void> {
  const { planOf } = await import('../../../cli/diffing.ts');
  session.print((await planOf(session, ref)).join('\n').trimEnd());
}

/** One that waits for a person, for this reason. */
async function blockedSync(session: Session, ref: Ref, reason: string, otherwise: string): Promise<GitSync> {
  const sync = await getSync(session, ref);
  const ready = findCondition(sync, 'Ready');
  if (ready?.reason !== reason)
    throw new Failure(
      `${nameOf(session.kinds, ref)} ${otherwise}${ready ? ` (${ready.reason}: ${ready.message})` : ''}`,
    );
  session.tell(printable(ready.message));
  return sync;
}

async function allowRewrite(session: Session, ref: Ref): Promise<void> {
  const { status } = await blockedSync(session, ref, 'HistoryRewritten', 'waits for no leave to go on');
  const commit = status?.observed?.commit ?? '';
  const annotations = { [ALLOW_REWRITE]: commit };
  await changeSync(session, ref, { metadata: { annotations } }, `goes on with commit ${shortCommit(commit)}`);
}

async function allowPrune(session: Session, ref: Ref): Promise<void> {
  const sync = await blockedSync(session, ref, 'PruneBlocked', 'holds no deletion back');
  const commit = commitAt(sync);
  const annotations = { [ALLOW_PRUNE]: commit };
  await changeSync(
    session,
    ref,
    { metadata: { annotations } },
    `may delete what commit ${shortCommit(commit)} has not`,
  );
}

/** The commit whose deletions are held back: it is applied by then. */
const commitAt = ({ status }: GitSync): string => status?.applied?.commit ?? status?.observed?.commit ?? '';
