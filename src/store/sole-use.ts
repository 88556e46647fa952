import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { Notifications } from './notifications.ts';
import { DAEMON, Pool } from './pool.ts';
import { LEADER } from './postgres-journal.ts';
import { postgresLeases } from './postgres-leases.ts';

/** Held for as long as `fn` runs, by renewal; one that dies is followed after this. */
const TTL_MS = 10_000;
/** A daemon that was killed has its lease for 2 s more, and its sessions until the server notices. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 100;

/**
 * Runs `fn` while no daemon works on the database: with the leader's lease in hand, and only when no daemon that stands
 * by is connected. Throws when another one lives, before anything was done.
 */
export async function withSoleUse<T>(url: string, purpose: string, fn: () => Promise<T>): Promise<T> {
  const pool = new Pool(url, silentLog, 2);
  const notifications = new Notifications(url, systemClock, silentLog);
  const leases = postgresLeases(pool, notifications);
  const holder = `${purpose}-${process.pid}`;
  const take = () => leases.acquire(LEADER, holder, TTL_MS);
  let renewal: NodeJS.Timeout | undefined;
  try {
    const until = systemClock.monotonic() + PATIENCE_MS;
    for (;;) {
      const other = await otherDaemon(take, pool);
      if (other === undefined) break;
      if (systemClock.monotonic() > until)
        throw new Error(`another daemon works on this database (${other}): stop it first, in its own data folder`);
      await pause(LOOK_MS);
    }
    renewal = setInterval(() => void take().catch(() => undefined), TTL_MS / 4);
    return await fn();
  } finally {
    clearInterval(renewal);
    // After a purge there is no such table any more.
    await leases.release(LEADER, holder).catch(() => undefined);
    await notifications.close();
    await pool.close();
  }
}

async function otherDaemon(
  take: () => Promise<{ held: true } | { held: false; holder: string }>,
  pool: Pool,
): Promise<string | undefined> {
  const answer = await take();
  if (!answer.held) return answer.holder;
  const { rows } = await pool.run({
    name: 'sessions of daemons',
    text: `SELECT pid, coalesce(host(client_addr), 'this machine') AS address FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = '${DAEMON}'`,
  });
  const other = (rows as { pid: number; address: string }[]).find(({ pid }) => !pool.isOwnBackend(pid));
  return other && `it stands by, connected from ${other.address}`;
}
