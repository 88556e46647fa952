import type { Command } from 'commander';
import { holdsSecrets } from '../../api/encrypted.ts';
import { contentOf, SOURCE } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { OwnWay, RollbackOptions } from '../command.ts';
import { confirmed } from '../confirming.ts';
import { Failure } from '../failure.ts';
import { booleanFlag, countFlag, durationFlag } from '../flags.ts';
import { mergePatchOf } from '../merge-patch.ts';
import { findObject, mergeObject, nameOf } from '../objects.ts';
import { checkFlags, objectOf } from '../own-ways.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { versionAt, versionsOf } from '../versions.ts';
import type { Version } from '../versions.ts';
import { waitReady } from '../waiting.ts';

/** Owns what it brings back. */
export const ROLLBACK_MANAGER = 'miniaws-rollback';
const TIMEOUT_MS = 300_000;
const FLAGS = ['toRevision', 'dryRun', 'yes', 'wait', 'timeout'] as const;

type Given = Omit<RollbackOptions, 'timeout'> & { timeout?: number };

/** `ways`: by the kind's name, of those that go back in their own way. */
export function addRollback(
  program: Command,
  setup: ClientSetup,
  ways: ReadonlyMap<string, OwnWay<RollbackOptions>>,
): void {
  program
    .command('rollback')
    .argument('<object...>', 'KIND/NAME; a NAME alone is that of a scaling group')
    .description('go back to an earlier version of an object, to an earlier template of a scaling group, to a commit')
    .option('--to-revision <number>', 'which (see miniaws history); the one before this when left out', countFlag)
    .option('--to <commit>', 'of a sync: which commit; none: the newest again')
    .option('--for <time>', 'with --to: only for so long (2h, 30m)', durationFlag)
    .option('--dry-run', 'show what would change, and change nothing')
    .option('-y, --yes', 'without asking')
    .option('--wait [yes]', 'wait until it is Ready', booleanFlag)
    .option('--timeout <time>', 'how long to wait at most; 0: for ever (default: 5m)', durationFlag)
    .action(
      task<[string[]], Given>(setup, async (session, [words], given) => {
        const ref = objectOf(session, words, ways);
        const way = ways.get(ref.kind);
        checkFlags(session, ref, given, way?.flags ?? FLAGS);
        const options = { timeout: TIMEOUT_MS, ...given };
        return way ? way.run(session, ref, options) : rollback(session, ref, options);
      }),
    );
}

async function rollback(session: Session, ref: Ref, options: RollbackOptions): Promise<void> {
  const { client, kinds } = session;
  const name = nameOf(kinds, ref);
  if (holdsSecrets(kinds.must(ref.kind)))
    throw new Failure(`${name} has values that its history does not show: apply those of before once more`);
  const { revision, object } = await targetOf(session, ref, options.toRevision);
  const live = await findObject(client, ref);
  if (!live)
    throw new Failure(
      `${name} does not exist any more; to make it again: miniaws history ${name} --revision ${revision} | miniaws apply -f -`,
    );
  const change = mergePatchOf(wanted(live), wanted(object)) as { metadata?: object } | undefined;
  if (!change) return session.print(`${name} is as it was at revision ${revision}; nothing was changed`);
  const { resourceVersion } = live.metadata;
  const patch = { ...change, metadata: { ...change.metadata, resourceVersion } };
  const would = await mergeObject(client, ref, patch, ROLLBACK_MANAGER, true);
  const { differenceLines, planOf } = await import('../diffing.ts');
  const lines = differenceLines(session, [live, would], { before: `live/${name}`, after: `revision ${revision}` });
  session.print([...lines, ...(await planOf(session, ref, would))].join('\n'));
  if (live.metadata.annotations?.[SOURCE] !== undefined)
    session.warn(`${name} is of a repository, and what syncs it may put it back: roll that back, or change it there`);
  if (options.dryRun) return;
  if (!options.yes && !(await confirmed(session, 'rollback', `Bring revision ${revision} of ${name} back?`)))
    throw new Failure('nothing was changed');
  await mergeObject(client, ref, patch, ROLLBACK_MANAGER);
  session.print(`${name} rolled back to revision ${revision}`);
  if (options.wait) await waitReady(session, [ref], options.timeout);
}

async function targetOf(session: Session, ref: Ref, revision: number | undefined): Promise<Version> {
  const versions = await versionsOf(session, ref);
  if (revision !== undefined) return versionAt(session, ref, versions, revision).version;
  const before = versions.at(-2);
  if (before) return before;
  throw new Failure(`no version of ${nameOf(session.kinds, ref)} from before this one is kept`);
}

/** What people want of an object. */
function wanted(resource: Resource): object {
  const { labels = {}, annotations = {} } = resource.metadata;
  return { metadata: { labels, annotations }, ...contentOf(resource) };
}
