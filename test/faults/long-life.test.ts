import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { readdirSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { expect, it, onTestFinished } from 'vitest';
import { isReady } from '../../src/api/metadata.ts';
import { orphans, unrest, untruths } from '../../src/proof/oracles.ts';
import { randomFrom } from '../../src/proof/random.ts';
import type { WorldDaemon } from '../../src/proof/world.ts';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { postgresWorld } from '../support/postgres-world.ts';
import { runs } from '../support/prove.ts';
import { mainVpc } from '../kinds/vpc/scenarios.ts';

const CHANGES = runs(2_000, 10_000);
const HOURS = 24;
const HOUR_MS = 3_600_000;
const EVERY_MS = (HOURS * HOUR_MS) / CHANGES;
/** The daemon's own rhythm, and retentions that this life outlasts many times. */
const COMPACT_EVERY_MS = 600_000;
const RETENTION = { changesMs: HOUR_MS, changesMax: 2_000, eventsMs: HOUR_MS, logMs: HOUR_MS, logMax: 2_000 };
const INSTANCES = 20;
/** Looks at what it holds. */
const LOOKS = 8;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What a process holds on to. */
interface Held {
  heap: number;
  files: number;
  timers: number;
  listeners: number;
  rows: number;
}

it(
  `${CHANGES} changes in ${HOURS} hours: memory flat, tables compacted, file handles and listeners constant, log bounded`,
  { timeout: 900_000 },
  async () => {
    const database = await freshDatabase();
    onTestFinished(() => database.drop());
    const world = postgresWorld(database);
    const daemon = await world.start();
    onTestFinished(() => daemon.stop());
    await daemon.apply(mainVpc);
    const random = randomFrom(20_261_122);
    const held: Held[] = [];
    let compactAt = COMPACT_EVERY_MS;
    for (let i = 1; i <= CHANGES; i++) {
      await change(daemon, random);
      await world.clock.advance(EVERY_MS);
      if (world.clock.monotonic() >= compactAt) {
        await daemon.store.compact(RETENTION, world.clock.now());
        compactAt += COMPACT_EVERY_MS;
      }
      if (i % (CHANGES / LOOKS) === 0) held.push(await look(database, daemon, world.clock.pending));
    }
    await daemon.settle(45_000);
    expect([...orphans(world), ...untruths(world, daemon), ...(await unrest(world, daemon))]).toEqual([]);
    expect(world.documents.filter((r) => !isReady(r)).map((r) => r.status)).toEqual([]);
    expectFlat(held);
  },
);

/** Somebody creates, changes, or deletes one of the instances. */
async function change(daemon: WorldDaemon, random: () => number): Promise<void> {
  const name = `web-${Math.floor(random() * INSTANCES)}`;
  const dice = random();
  if (dice < 0.2) return daemon.delete(`Instance/default/${name}`);
  const spec = {
    image: dice < 0.4 ? 'app:1' : 'app:2',
    vpc: 'main',
    powerState: dice < 0.9 ? 'Running' : 'Stopped',
    env: dice < 0.7 ? {} : { N: String(Math.floor(dice * 1_000)) },
  };
  await daemon.apply({ kind: 'Instance', metadata: { name }, spec }).catch((error: unknown) => {
    // Applied while it is being deleted.
    if ((error as { code?: number }).code !== 409) throw error;
  });
}

async function look(database: TestDatabase, daemon: WorldDaemon, timers: number): Promise<Held> {
  collectGarbage();
  const [{ rows } = { rows: 0 }] = await database.query<{ rows: number }>(
    `SELECT (SELECT count(*) FROM changes)::int + (SELECT count(*) FROM events)::int + (SELECT count(*) FROM reconcile_log)::int AS rows`,
  );
  return {
    heap: process.memoryUsage().heapUsed,
    files: readdirSync('/proc/self/fd').length,
    timers,
    listeners: getEventListeners(daemon.signal, 'abort').length + process.listenerCount('exit'),
    rows,
  };
}

function expectFlat(held: readonly Held[]): void {
  const told = JSON.stringify(held);
  // What is kept for watchers (stream.ts, RING) has its size after half of it; a leak of as many changes again is more.
  const [first, ...later] = held.slice(held.length / 2);
  for (const then of later) {
    expect(then.heap, told).toBeLessThan((first?.heap ?? 0) * 1.3);
    expect(then.rows, told).toBeLessThan((first?.rows ?? 0) * 1.2);
    expect(then.files, told).toBeLessThanOrEqual((first?.files ?? 0) + 2);
    expect(then.listeners, told).toBeLessThanOrEqual((first?.listeners ?? 0) + INSTANCES);
    expect(then.timers, told).toBeLessThanOrEqual((first?.timers ?? 0) + INSTANCES);
  }
}
