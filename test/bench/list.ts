import { APPLY_PATCH } from '../../src/cli/client.ts';
import { PAUSED } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { atMost, percentile } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { listAll, makeMany, memoryOver } from './listing.ts';

const DOCUMENTS = 100_000;
const LISTS = 12;
const ALONE = 200;
const GOAL = { writeMs: 50, megabytes: 150 };

/** Twelve clients that list everything at once, beside one that writes. */
export const list: Benchmark = {
  name: 'list',
  async run(workshop) {
    const daemon = await workshop.daemon({ engine: 'simulated' });
    // Paused, so that no pass looks at them: what is measured is the API.
    await makeMany(workshop, DOCUMENTS, (n) => send(daemon, `i-${n}`, n));
    const alone = await writes(daemon, (n) => n < ALONE);
    const {
      result: { beside, sizes },
      idle,
      over,
    } = await memoryOver(daemon, async () => {
      let open = true;
      const lists = listAll(daemon, LISTS).finally(() => (open = false));
      return { beside: await writes(daemon, () => open), sizes: (await lists).sizes };
    });
    const [value, floor] = [percentile(beside, 99), percentile(alone, 99)];
    return [
      {
        name: 'list/write-p99',
        value,
        unit: 'ms',
        floor,
        ratio: value / floor,
        samples: beside.length,
        goal: atMost(value, GOAL.writeMs, `<= ${GOAL.writeMs} ms`),
        note: `beside ${LISTS} lists of ${DOCUMENTS} objects, ${Math.round(Math.min(...sizes) / 1e6)} MB each; floor: no list`,
      },
      {
        name: 'list/memory',
        value: over,
        unit: 'MB',
        samples: 1,
        goal: atMost(over, GOAL.megabytes, `<= ${GOAL.megabytes} MB over idle`),
        note: `idle: ${idle.toFixed(0)} MB`,
      },
    ];
  },
};

const send = (daemon: TestDaemon, name: string, n: number) =>
  daemon.client.send<Resource>('PATCH', pathOf('instances', name), {
    query: { fieldManager: 'bench' },
    body: instance(name, { image: 'bench:1', env: { N: String(n) } }, { annotations: { [PAUSED]: 'true' } }),
    contentType: APPLY_PATCH,
  });

/** Milliseconds of each write, one after the other. */
async function writes(daemon: TestDaemon, goOn: (n: number) => boolean): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; goOn(n); n++) {
    const began = performance.now();
    await send(daemon, 'i-0', n + 1);
    took.push(performance.now() - began);
  }
  return took;
}
