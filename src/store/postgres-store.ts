import type { KindRegistry } from '../api/registry.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { StoreCore } from './core.ts';
import { postgresMetrics } from './metrics.ts';
import { Notifications } from './notifications.ts';
import { Pool } from './pool.ts';
import { PostgresJournal } from './postgres-journal.ts';
import { postgresKeys, postgresLeases, postgresSettings } from './postgres-parts.ts';
import { postgresRecommendations } from './recommendations.ts';
import { postgresTraffic } from './traffic.ts';
import type { Store } from './store.ts';

/** Opens the store over a migrated database. */
export async function openPostgresStore(options: {
  url: string;
  kinds: KindRegistry;
  clock: Clock;
  log: Log;
}): Promise<Store> {
  const pool = new Pool(options.url, options.log);
  const notifications = new Notifications(options.url, options.clock, options.log);
  const journal = new PostgresJournal(pool, notifications, options.kinds);
  const parts = {
    leases: postgresLeases(pool, notifications),
    keys: postgresKeys(pool),
    settings: postgresSettings(pool),
    metrics: postgresMetrics(pool, options.clock),
    traffic: postgresTraffic(pool, options.clock),
    recommendations: postgresRecommendations(pool),
  };
  try {
    return await StoreCore.open(journal, options.kinds, options.clock, parts);
  } catch (error) {
    await journal.close();
    throw error;
  }
}
