import { instance, vpc } from '../support/manifests.ts';
import { median, timed, atMost } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { writesOf } from './observe.ts';

const DOCUMENTS = 1_000;
const ROUNDS = 5;
const GOAL_MS = 1_000;

/** Documents that are as they should be: applied again, and compared. Nothing may be written. */
export const noop: Benchmark = {
  name: 'noop',
  async run(workshop) {
    const database = await workshop.database();
    const daemon = await workshop.daemon({ engine: 'simulated', database });
    const file = await workshop.manifests('noop', [
      vpc('bench', { cidrBlock: '10.216.0.0/20' }),
      ...Array.from({ length: DOCUMENTS - 1 }, (_, i) =>
        instance(`i-${i}`, { vpc: 'bench', image: 'bench:1', env: { N: String(i) }, restartPolicy: 'Always' }),
      ),
    ]);
    await workshop.miniaws(daemon, 'apply', '-f', file, '--wait');
    const before = await writesOf(database);
    const applied: number[] = [];
    const compared: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      applied.push(await timed(() => workshop.miniaws(daemon, 'apply', '-f', file)));
      compared.push(await timed(() => workshop.miniaws(daemon, 'diff', '-f', file)));
    }
    const writes = (await writesOf(database)) - before;
    const figure = (name: string, values: readonly number[]) => ({
      name,
      value: median(values),
      unit: 'ms',
      samples: ROUNDS,
      goal: atMost(median(values), GOAL_MS, `<= ${GOAL_MS} ms`),
    });
    return [
      figure('noop/apply', applied),
      figure('noop/diff', compared),
      {
        name: 'noop/writes',
        value: writes,
        unit: 'rows',
        samples: ROUNDS * 2,
        goal: atMost(writes, 0, 'none'),
      },
    ];
  },
};
