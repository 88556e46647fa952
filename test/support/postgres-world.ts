import { KINDS } from '../../src/kinds/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { breathe, ManualClock } from '../../src/proof/manual-clock.ts';
import { World } from '../../src/proof/world.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import type { TestDatabase } from './database.ts';

/**
 * A simulated Engine and stepped time over a real database. Time stands still while anything is asked of PostgreSQL: its
 * answers take as long as they take.
 */
export function postgresWorld(database: TestDatabase): World {
  let asked = 0;
  const patient = async () => {
    do await breathe();
    while (asked > 0);
  };
  const counted = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(of, property) {
        const member: unknown = Reflect.get(of, property);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          const answer: unknown = member.apply(of, args);
          if (!(answer instanceof Promise)) return answer;
          asked++;
          return answer.finally(() => asked--);
        };
      },
    });
  const clock = new ManualClock(patient);
  const open = async (): Promise<Store> =>
    counted(await openPostgresStore({ url: database.url, kinds: KINDS, clock, log: silentLog }));
  return new World({ clock, open });
}

/** As if it had just been made. */
export async function emptied(database: TestDatabase): Promise<void> {
  await database.query('TRUNCATE resources, changes, events, reconcile_log, instances, vpcs, leases CASCADE');
  await database.query('UPDATE revisions SET value = 0, horizon = 0');
}
