import type { KindRegistry } from '../api/registry.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { besideOf } from './beside.ts';
import { Encryption } from './encryption.ts';
import { StoreCore } from './core.ts';
import { Keyring } from '../base/keyring.ts';
import { Notifications } from './notifications.ts';
import { Pool } from './pool.ts';
import { PostgresJournal } from './postgres-journal.ts';
import { postgresLeases } from './postgres-leases.ts';
import type { Store } from './store.ts';

/** Opens the store over a migrated database. */
export async function openPostgresStore(options: {
  url: string;
  kinds: KindRegistry;
  clock: Clock;
  log: Log;
  /** For kinds that rest encrypted; without one, their documents are refused. */
  keyring?: Keyring;
}): Promise<Store> {
  const pool = new Pool(options.url, options.log);
  const notifications = new Notifications(options.url, options.clock, options.log);
  const encryption = new Encryption(options.kinds, options.keyring ?? new Keyring([]));
  const journal = new PostgresJournal(pool, notifications, options.kinds, encryption);
  const parts = {
    leases: postgresLeases(pool, notifications),
    beside: besideOf((side) => side.postgres(pool, options.clock)),
  };
  try {
    return await StoreCore.open(journal, options.kinds, options.clock, parts);
  } catch (error) {
    await journal.close();
    throw error;
  }
}
