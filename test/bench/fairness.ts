import { once } from 'node:events';
import pLimit from 'p-limit';
import { APPLY_PATCH } from '../../src/cli/client.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { watch } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';
import { atMost, percentile } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { metricsOf } from './observe.ts';
import type { Workshop } from './workshop.ts';

const FAILING = 10_000;
const NEW = 200;
const AT_ONCE = 32;
const LIMIT_MS = 600_000;
/** Seconds between looks at everything: with ten thousand documents, one is under way nearly always. */
const RESYNC_S = 5;
const GOAL_MS = 100;

/** How long a person's new instance waits for its first pass while ten thousand others fail, over and over, and all are looked at again. */
export const fairness: Benchmark = {
  name: 'fairness',
  async run(workshop) {
    const daemon = await workshop.daemon({ engine: 'simulated', env: { MINIAWS_RESYNC: String(RESYNC_S) } });
    await workshop.miniaws(
      daemon,
      'apply',
      '--wait',
      '-f',
      await workshop.manifests('vpc', [vpc('bench', { cidrBlock: '10.216.0.0/16' })]),
    );
    const alone = await firstPasses(workshop, daemon, 'alone');
    await fail(workshop, daemon);
    const among = await firstPasses(workshop, daemon, 'among');
    const [value, floor] = [percentile(among, 99), percentile(alone, 99)];
    return [
      {
        name: 'fairness/first-pass-p99',
        value,
        unit: 'ms',
        floor,
        ratio: value / floor,
        samples: NEW,
        goal: atMost(value, GOAL_MS, `<= ${GOAL_MS} ms`),
        note: `from the answer to a create until a watcher sees its first status; floor: nothing fails; p50 ${percentile(among, 50).toFixed(1)} ms`,
      },
    ];
  },
};

const create = (daemon: TestDaemon, name: string, image: string) =>
  daemon.client.send<Resource>('PATCH', pathOf('instances', name), {
    query: { fieldManager: 'bench' },
    body: instance(name, { vpc: 'bench', image }),
    contentType: APPLY_PATCH,
  });

/** The simulated registry has no image of this name: each try fails. */
async function fail(workshop: Workshop, daemon: TestDaemon): Promise<void> {
  const limit = pLimit(AT_ONCE);
  const names = Array.from({ length: FAILING }, (_, i) => `bad-${i}`);
  const make = (name: string) => {
    workshop.signal.throwIfAborted();
    return create(daemon, name, 'missing:1');
  };
  await limit.map(names, make);
  await eventually(
    'all of them to have failed',
    async () => {
      workshop.signal.throwIfAborted();
      return ((await metricsOf(daemon)).get('miniaws_passes_total{kind="Instance",outcome="retrying"}') ?? 0) > FAILING;
    },
    LIMIT_MS,
  );
}

/** Milliseconds, one after the other. */
async function firstPasses(workshop: Workshop, daemon: TestDaemon, prefix: string): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < NEW; n++) {
    workshop.signal.throwIfAborted();
    const name = `${prefix}-${n}`;
    const selector = encodeURIComponent(`metadata.name=${name}`);
    const watcher = await watch(daemon, `${pathOf('instances')}?watch=true&fieldSelector=${selector}`);
    await create(daemon, name, 'bench:1');
    const began = performance.now();
    const hasStatus = () => watcher.events.some(({ object }) => object.status?.conditions !== undefined);
    while (!hasStatus()) await once(watcher.response, 'data');
    took.push(performance.now() - began);
    watcher.close();
  }
  return took;
}
