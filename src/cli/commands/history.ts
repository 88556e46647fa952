import type { Command } from 'commander';
import { holdsSecrets } from '../../api/encrypted.ts';
import type { Ref } from '../../api/metadata.ts';
import type { HistoryOptions, OwnWay } from '../command.ts';
import { Failure } from '../failure.ts';
import { countFlag } from '../flags.ts';
import { printable } from '../io.ts';
import { timeOf } from '../metrics-view.ts';
import { nameOf } from '../objects.ts';
import { checkFlags, objectOf } from '../own-ways.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns } from '../table.ts';
import { versionAt, versionsOf } from '../versions.ts';
import type { Version } from '../versions.ts';
import { desired, toYaml } from '../yaml.ts';

const LIMIT = 50;
const COMMIT_DIGITS = 10;

type Given = Omit<HistoryOptions, 'limit'> & { limit?: number };

/** `ways`: by the kind's name, of those that have more to tell. */
export function addHistory(
  program: Command,
  setup: ClientSetup,
  ways: ReadonlyMap<string, OwnWay<HistoryOptions>>,
): void {
  program
    .command('history')
    .argument('<object...>', 'KIND/NAME; a NAME alone is that of a scaling group')
    .description('what changed an object: when, who, which commit; of a scaling group its templates')
    .option('--revision <number>', 'this one, whole', countFlag)
    .option('--diff <number>', 'what differs in this one from the one before', countFlag)
    .option('--limit <n>', `at most so many (default: ${LIMIT})`, countFlag)
    .action(
      task<[string[]], Given>(setup, async (session, [words], given) => {
        const ref = objectOf(session, words, ways);
        const way = ways.get(ref.kind);
        if (way) checkFlags(session, ref, given, way.flags);
        const options = { limit: LIMIT, ...given };
        return way ? way.run(session, ref, options) : history(session, ref, options);
      }),
    );
}

async function history(session: Session, ref: Ref, { revision, diff, limit }: HistoryOptions): Promise<void> {
  if (revision === undefined && diff === undefined) {
    const versions = await versionsOf(session, ref, limit);
    return session.print(rows(versions.toReversed()).join('\n'));
  }
  const versions = await versionsOf(session, ref);
  if (revision !== undefined) {
    const { version } = versionAt(session, ref, versions, revision);
    return session.print(toYaml(desired(session.kinds, version.object)).trimEnd());
  }
  return printDifference(session, ref, versions, diff ?? 0);
}

async function printDifference(
  session: Session,
  ref: Ref,
  versions: readonly Version[],
  revision: number,
): Promise<void> {
  const { version, before } = versionAt(session, ref, versions, revision);
  if (!before && version.type === 'MODIFIED')
    throw new Failure(`revision ${revision} of ${nameOf(session.kinds, ref)} is the oldest that is kept`);
  const old = version.type === 'ADDED' ? undefined : before;
  const names = { before: old ? `revision ${old.revision}` : '/dev/null', after: `revision ${revision}` };
  const { differenceLines } = await import('../diffing.ts');
  const lines = differenceLines(session, [old?.object, version.object], names);
  if (lines.length > 0) session.print(lines.join('\n'));
  if (holdsSecrets(session.kinds.must(ref.kind)) || lines.length === 0) session.tell(`changed: ${whatOf(version)}`);
}

const whoOf = ({ user, manager = '<unknown>' }: Version): string =>
  user === undefined ? manager : `${user} (${manager})`;

const rows = (versions: readonly Version[]): string[] =>
  new Columns().lines([
    ['REVISION', 'WHEN', 'WHO', 'COMMIT', 'WHAT CHANGED'],
    ...versions.map((version) =>
      [
        String(version.revision),
        timeOf(version),
        whoOf(version),
        version.source?.split(' ')[0]?.slice(0, COMMIT_DIGITS) ?? '<none>',
        whatOf(version),
      ].map(printable),
    ),
  ]);

function whatOf({ type, changed }: Version): string {
  if (type === 'ADDED') return 'created';
  if (type === 'DELETED') return 'deleted';
  return changed?.join(', ') ?? 'the version before is not kept';
}
