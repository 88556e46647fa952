import { once } from 'node:events';
import pLimit from 'p-limit';
import { APPLY_PATCH } from '../../src/cli/client.ts';
import { isReady } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { watch } from '../support/http.ts';
import type { RawWatch, WatchedEvent } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { eventually } from '../support/wait.ts';
import { atMost, median, timed } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import { metricsOf, peakMegabytes, pidOf } from './observe.ts';
import type { Workshop } from './workshop.ts';

const FEW = 100;
const MANY = 10_000;
const CHANGES = 20;
/** Clients that make the documents: more than the server has cores, so that it is never waiting for one. */
const AT_ONCE = 32;
const LIMIT_MS = 600_000;
const GOAL = { megabytes: 500, change: 1.5, restartMs: 5_000 };
/** Between looks at whether all are Ready: a look at 10,000 costs the server a few milliseconds. */
const LOOK_EVERY_MS = 250;

/** Ten thousand instances on the simulated Engine, which is in the daemon's own memory and counted with it. */
export const scale: Benchmark = {
  name: 'scale',
  async run(workshop) {
    const database = await workshop.database();
    const options = { engine: 'simulated', database } as const;
    const daemon = await workshop.daemon(options);
    await workshop.miniaws(
      daemon,
      'apply',
      '--wait',
      '-f',
      await workshop.manifests('vpc', [vpc('bench', { cidrBlock: '10.216.0.0/16' })]),
    );
    await grow(workshop, daemon, 0, FEW);
    const few = await changeSome(daemon);
    const took = await timed(() => grow(workshop, daemon, FEW, MANY));
    const many = await changeSome(daemon);
    const memory = peakMegabytes(pidOf(daemon));
    await daemon.stop();
    const restart = await restarted(database, () => workshop.daemon(options));
    return figures({ took, memory, few, many, restart });
  },
};

function figures(found: { took: number; memory: number; few: number; many: number; restart: number }): Figure[] {
  const { took, memory, few, many, restart } = found;
  return [
    { name: 'scale/converge', value: took / 1_000, unit: 's', samples: 1, note: `${MANY - FEW} more` },
    {
      name: 'scale/memory',
      value: memory,
      unit: 'MB',
      samples: 1,
      goal: atMost(memory, GOAL.megabytes, `<= ${GOAL.megabytes} MB`),
    },
    {
      name: 'scale/change',
      value: many,
      unit: 'ms',
      floor: few,
      ratio: many / few,
      samples: CHANGES,
      goal: atMost(many / few, GOAL.change, `ratio <= ${GOAL.change}`),
      note: `floor: at ${FEW}`,
    },
    {
      name: 'scale/restart',
      value: restart,
      unit: 'ms',
      samples: 1,
      goal: atMost(restart, GOAL.restartMs, `<= ${GOAL.restartMs} ms`),
      note: 'from its start to its first pass',
    },
  ];
}

const document = (n: number, memory = '64Mi') =>
  instance(`i-${n}`, { vpc: 'bench', image: 'bench:1', env: { N: String(n) }, resources: { memory } });

const send = (daemon: TestDaemon, n: number, memory?: string) =>
  daemon.client.send<Resource>('PATCH', pathOf('instances', `i-${n}`), {
    query: { fieldManager: 'bench' },
    body: document(n, memory),
    contentType: APPLY_PATCH,
  });

/** From `from` documents to `to`, and until all are Ready. */
async function grow(workshop: Workshop, daemon: TestDaemon, from: number, to: number): Promise<void> {
  const limit = pLimit(AT_ONCE);
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  const make = (n: number) => {
    workshop.signal.throwIfAborted();
    return send(daemon, n);
  };
  await Promise.all(numbers.map((n) => limit(() => make(n))));
  let looked = -Infinity;
  await eventually(
    `${to} instances to be Ready`,
    async () => {
      workshop.signal.throwIfAborted();
      if (performance.now() - looked < LOOK_EVERY_MS) return false;
      looked = performance.now();
      return (await metricsOf(daemon)).get('miniaws_resources{kind="Instance",ready="True"}') === to;
    },
    LIMIT_MS,
  );
}

/** Changes in place, one after the other, each from its sending until a watcher sees it Ready: the median, in milliseconds. */
async function changeSome(daemon: TestDaemon): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < CHANGES; n++) {
    const selector = encodeURIComponent(`metadata.name=i-${n}`);
    const watcher = await watch(daemon, `${pathOf('instances')}?watch=true&fieldSelector=${selector}`);
    await seen(watcher, () => true);
    took.push(
      await timed(async () => {
        const { body } = await send(daemon, n, `${128 + took.length}Mi`);
        const { generation } = body.metadata;
        await seen(watcher, ({ object }) => object.metadata.generation === generation && isReady(object));
      }),
    );
    watcher.close();
    // The next round, at another size of the world, changes it again.
    await send(daemon, n);
  }
  return median(took);
}

/** Looks at the events as they come: what is measured is shorter than the pause of a poll. */
async function seen({ events, response }: RawWatch, matches: (event: WatchedEvent) => boolean): Promise<void> {
  while (!events.some(matches)) await once(response, 'data');
}

/** Its Engine is empty after the restart, so its first pass acts, and is in the log. */
async function restarted(database: TestDatabase, start: () => Promise<TestDaemon>): Promise<number> {
  const began = new Date();
  await start();
  const first = await eventually(
    'the first pass',
    async () => {
      const rows = await database.query<{ at: Date | null }>(
        `SELECT min(started_at) AS at FROM reconcile_log WHERE started_at >= $1`,
        [began],
      );
      return rows[0]?.at ?? undefined;
    },
    60_000,
  );
  return first.getTime() - began.getTime();
}
