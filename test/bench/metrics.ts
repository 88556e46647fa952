import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { KINDS } from '../../src/kinds/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { METRICS } from '../../src/kinds/instance/metrics/store.ts';
import type { Sample } from '../../src/kinds/instance/metrics/sample.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { storedVpc } from '../support/stored.ts';
import { atLeast, atMost, median, pairs, percentile, timed } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import { fleet } from './fleet.ts';
import { cpuSeconds, pidOf } from './observe.ts';
import type { Workshop } from './workshop.ts';

const INSTANCES = 200;
const WINDOW_S = 60;
/** As in `quiet`: what a start leaves to do is no part of it. */
const SETTLE_MS = 30_000;
/** Of one core. */
const CPU_GOAL_PERCENT = 2;

const ROWS = 2_000_000;
const INTERVAL_MS = 10_000;
/** Times of all instances in one statement: the bench fills the table, it does not sample. */
const TIMES = 100;
const QUERIES = 200;
const QUERY_GOAL_MS = 20;

const WRITERS = 4;
const WRITES = 2_000;
const ROUNDS = 3;
const WRITE_GOAL = 0.9;

const HOUR_MS = 3_600_000;

/** What sampling costs, what a graph costs when the table is full, and what pruning costs those who write meanwhile. */
export const metrics: Benchmark = {
  name: 'metrics',
  async run(workshop) {
    const stored = await full(workshop);
    const queries = await graphs(stored);
    const pruning = await prunes(stored, workshop);
    return [...queries, ...pruning, await sampling(workshop)];
  },
};

/** The same 200 real containers, left alone for a minute by a daemon that does not sample and by one that does. */
async function sampling(workshop: Workshop): Promise<Figure> {
  const { image } = await workshop.engine();
  const database = await workshop.database();
  const percentOf = async (interval: string, before: boolean): Promise<number> => {
    const daemon = await workshop.daemon({
      engine: 'docker',
      database,
      env: { MINIAWS_METRICS_INTERVAL: interval },
    });
    const file = await workshop.manifests('fleet', fleet({ count: INSTANCES, image, cidrBlock: '10.216.40.0/24' }));
    await workshop.miniaws(daemon, 'apply', '--wait', '-f', file);
    await pause(SETTLE_MS, undefined, { signal: workshop.signal });
    const [cpu, began] = [cpuSeconds(pidOf(daemon)), performance.now()];
    await pause(WINDOW_S * 1_000, undefined, { signal: workshop.signal });
    const percent = ((cpuSeconds(pidOf(daemon)) - cpu) / ((performance.now() - began) / 1_000)) * 100;
    if (before) await daemon.stop();
    return percent;
  };
  const floor = await percentOf('0', true);
  const with10 = await percentOf(String(INTERVAL_MS / 1_000), false);
  const own = with10 - floor;
  return {
    name: 'metrics/sampling',
    value: own,
    unit: '% of a core',
    samples: 1,
    goal: atMost(own, CPU_GOAL_PERCENT, `< ${CPU_GOAL_PERCENT} % for ${INSTANCES} instances`),
    note: `the daemon ${with10.toFixed(2)} % with it, ${floor.toFixed(2)} % without`,
  };
}

interface Full {
  store: Store;
  ids: readonly string[];
  /** Of the newest sample. */
  end: number;
}

async function full(workshop: Workshop): Promise<Full> {
  const database = await workshop.database();
  const store = await openPostgresStore({ url: database.url, kinds: KINDS, clock: systemClock, log: silentLog });
  workshop.atEnd(() => store.close());
  const ids = Array.from({ length: INSTANCES }, () => randomUUID());
  const end = Math.floor(Date.now() / INTERVAL_MS) * INTERVAL_MS;
  const times = ROWS / INSTANCES;
  for (let first = 0; first < times; first += TIMES) {
    workshop.signal.throwIfAborted();
    const samples: Sample[] = [];
    for (let i = first; i < first + TIMES; i++)
      for (const instanceId of ids) samples.push(sampleAt(instanceId, new Date(end - (times - i) * INTERVAL_MS)));
    await store.beside(METRICS).append(samples);
  }
  await store.beside(METRICS).rollUp(new Date(end));
  // As the server does by itself after so many insertions.
  await database.query('VACUUM ANALYZE metrics_history, metrics_aggregates');
  return { store, ids, end };
}

const sampleAt = (instanceId: string, at: Date): Sample => ({
  instanceId,
  at,
  cpuPercent: Math.random() * 100,
  memoryBytes: 1e8,
  memoryLimitBytes: 2e8,
  networkReceiveRate: 1,
  networkSendRate: 2,
  blockReadRate: 3,
  blockWriteRate: 4,
});

async function graphs({ store, ids, end }: Full): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, hours, points] of [
    ['1h', 1, 60],
    ['6h', 6, 240],
    ['24h', 24, 60],
  ] as const) {
    const [since, until] = [new Date(end - hours * HOUR_MS), new Date(end)];
    const times: number[] = [];
    for (let i = 0; i < QUERIES; i++) {
      const id = ids[(i * 7) % ids.length] ?? '';
      times.push(await timed(() => store.beside(METRICS).range([id], since, until, points)));
    }
    const p95 = percentile(times, 95);
    figures.push({
      name: `metrics/graph-${name}`,
      value: p95,
      unit: 'ms, p95',
      samples: QUERIES,
      goal: atMost(p95, QUERY_GOAL_MS, `< ${QUERY_GOAL_MS} ms at ${ROWS} rows`),
      note: `median ${median(times).toFixed(1)} ms`,
    });
  }
  const top = await timed(() => store.beside(METRICS).range(ids, new Date(end - 200_000), new Date(end), 20));
  figures.push({ name: 'metrics/top', value: top, unit: 'ms, all instances', samples: 1 });
  return figures;
}

/** Documents written by so many at once, while rows are pruned and while none are. */
async function prunes({ store, end }: Full, workshop: Workshop): Promise<Figure[]> {
  let made = 0;
  const latencies: Record<'ours' | 'floor', number[]> = { ours: [], floor: [] };
  const writing = async (side: 'ours' | 'floor'): Promise<number> => {
    const took = await timed(async () => {
      const writer = async () => {
        for (let i = 0; i < WRITES / WRITERS; i++) {
          workshop.signal.throwIfAborted();
          const document = storedVpc(`n${made++}`);
          latencies[side].push(await timed(() => store.commit({ decide: () => ({ put: [document] }) })));
        }
      };
      await Promise.all(Array.from({ length: WRITERS }, writer));
    });
    return (WRITES / took) * 1_000;
  };
  await writing('floor');
  latencies.floor = [];
  const removed: number[] = [];
  let oldest = end - (ROWS / INSTANCES) * INTERVAL_MS;
  const pruningBeside = async () => {
    let isOver = false;
    const prune = async () => {
      while (!isOver && oldest < end) {
        // Ten batches of 5,000 at a time, one after the other, as long as the writers write.
        oldest += (50_000 / INSTANCES) * INTERVAL_MS;
        const retention = { samplesMs: end - oldest, aggregatesMs: 30 * 24 * HOUR_MS };
        removed.push(await store.beside(METRICS).prune(new Date(end), retention));
      }
    };
    const pruned = prune();
    const rate = await writing('ours');
    isOver = true;
    await pruned;
    return rate;
  };
  const measured = await pairs(ROUNDS, pruningBeside, () => writing('floor'));
  const [ours, floor] = [percentile(latencies.ours, 95), percentile(latencies.floor, 95)];
  const ratio = median(measured.map((m) => m.ours / m.floor));
  const note = `${removed.reduce((sum, count) => sum + count, 0)} rows pruned meanwhile`;
  return [
    {
      name: 'metrics/pruning',
      value: median(measured.map((m) => m.ours)),
      floor: median(measured.map((m) => m.floor)),
      ratio,
      unit: 'creates/s',
      samples: ROUNDS,
      goal: atLeast(ratio, WRITE_GOAL, `ratio >= ${WRITE_GOAL}`),
      note,
    },
    {
      name: 'metrics/pruning-p95',
      value: ours,
      floor,
      ratio: ours / floor,
      unit: 'ms',
      samples: latencies.ours.length,
    },
  ];
}
