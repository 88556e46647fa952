import type { Command } from 'commander';
import { confirmed } from '../confirming.ts';
import { Failure, tell } from '../failure.ts';
import { printable } from '../io.ts';
import { orphansPath } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns } from '../table.ts';

interface OrphansOptions {
  remove?: boolean;
  volumes?: boolean;
  yes?: boolean;
}

/** Something on the Engine with this installation's mark and an owner that the database does not know. */
interface Orphan {
  type: 'container' | 'network' | 'volume';
  id: string;
  name: string;
  owner: { kind: string; namespace: string; name: string; uid: string };
}

export function addOrphans(program: Command, setup: ClientSetup): void {
  program
    .command('orphans')
    .description(
      "list what bears this installation's mark on the Engine and belongs to no object; nothing removes it but this command",
    )
    .option('--remove', 'remove containers and networks')
    .option('--volumes', 'with --remove: remove volumes too, and with them what is in them')
    .option('-y, --yes', 'without asking')
    .action(task<[], OrphansOptions>(setup, (session, _, options) => orphans(session, options)));
}

async function orphans(session: Session, options: OrphansOptions): Promise<void> {
  const { items } = await session.client.get<{ items: Orphan[] }>(orphansPath);
  if (items.length === 0) return session.print('No orphans: everything on the Engine belongs to an object.');
  session.print(rows(items).join('\n'));
  if (!options.remove) return;
  // A named volume outlives its instance by design: what is in it is nobody's to lose by the way.
  const chosen = items.filter(({ type }) => type !== 'volume' || options.volumes === true);
  const kept = items.length - chosen.length;
  if (kept > 0)
    session.tell(
      `${kept} of them ${kept === 1 ? 'is a volume and stays' : 'are volumes and stay'}: --volumes removes volumes too, with what is in them`,
    );
  if (chosen.length === 0) return;
  const question = `Remove ${chosen.length === 1 ? 'it' : `all ${chosen.length}`} for good?`;
  if (!options.yes && !(await confirmed(session, '--remove', question))) throw new Failure('nothing was removed');
  let failed = 0;
  for (const orphan of chosen) failed += (await removed(session, orphan)) ? 0 : 1;
  if (failed > 0) throw new Failure(`${failed} of ${chosen.length} could not be removed`);
}

const rows = (items: readonly Orphan[]): string[] =>
  new Columns().lines([
    ['TYPE', 'ID', 'NAME', 'OWNER'],
    ...items.map(({ type, id, name, owner }) =>
      [type, id.slice(0, 12), name, `${owner.kind}/${owner.namespace}/${owner.name}`].map(printable),
    ),
  ]);

async function removed(session: Session, { type, id, name }: Orphan): Promise<boolean> {
  try {
    await session.client.send('DELETE', `${orphansPath}/${type}/${encodeURIComponent(id)}`);
    session.print(`${type}/${printable(name)} removed`);
    return true;
  } catch (error) {
    session.tell(`error: ${type}/${printable(name)}: ${tell(error)}`);
    return false;
  }
}
