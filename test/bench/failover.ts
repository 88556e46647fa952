import { setTimeout as pause } from 'node:timers/promises';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, vpc } from '../support/manifests.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { eventually } from '../support/wait.ts';
import { atMost, median, percentile } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { engineCalls, metricsOf } from './observe.ts';

const ROUNDS = 10;
/** The promise for two daemons: the other acts within this. */
const GOAL_MS = 3_000;
/** Longer than the leader renews its lease, and another time each round: the kill falls anywhere between two renewals. */
const RENEWAL_MS = 500;

/**
 * The leader is killed with -9; the next daemon over the same database, which stood by, makes its first call to the
 * Engine. Each daemon has a simulated Engine of its own, so the next one's is empty and there is something to do at
 * once: the first pass that acted, by the reconcile log, is when the first call was made.
 */
export const failover: Benchmark = {
  name: 'failover',
  async run(workshop) {
    const database = await workshop.database();
    const start = () => workshop.daemon({ engine: 'simulated', database });
    let leader = await start();
    const file = await workshop.manifests('failover', [
      vpc('bench', { cidrBlock: '10.216.0.0/24' }),
      ...Array.from({ length: 10 }, (_, i) => instance(`i-${i}`, { vpc: 'bench', image: 'bench:1' })),
    ]);
    await workshop.miniaws(leader, 'apply', '--wait', '-f', file);
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const next = await start();
      await pause((RENEWAL_MS * round) / ROUNDS, undefined, { signal: workshop.signal });
      took.push(await takeover(leader, next, database));
      leader = next;
    }
    const value = median(took);
    return [
      {
        name: 'failover',
        value,
        unit: 'ms',
        samples: ROUNDS,
        goal: atMost(percentile(took, 100), GOAL_MS, `every one <= ${GOAL_MS} ms`),
        note: `most ${percentile(took, 100).toFixed(0)} ms`,
      },
    ];
  },
};

async function takeover(leader: TestDaemon, next: TestDaemon, database: TestDatabase): Promise<number> {
  if ((await metricsOf(next)).get('miniaws_leader') === 1) throw new Error('there are two leaders');
  const killed = Date.now();
  await leader.kill();
  await eventually('the next daemon to act', async () => (await engineCalls(next)).get('createNetwork') === 1, 30_000);
  const first = await eventually('its log', async () => {
    const rows = await database.query<{ at: Date | null }>(
      `SELECT min(started_at) AS at FROM reconcile_log WHERE started_at >= $1 AND jsonb_array_length(steps) > 0`,
      [new Date(killed)],
    );
    return rows[0]?.at ?? undefined;
  });
  return first.getTime() - killed;
}
