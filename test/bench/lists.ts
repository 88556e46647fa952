import { TABLE } from '../../src/cli/client.ts';
import { PAUSED } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { atMost } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import { listAll, makeMany, memoryOver } from './listing.ts';

const DOCUMENTS = 10_000;
const CLIENTS = 10;
const GOAL_MEGABYTES = 100;

const FORMS: readonly { name: string; headers: Record<string, string> }[] = [
  { name: 'json', headers: {} },
  { name: 'json-gzip', headers: { 'accept-encoding': 'gzip' } },
  { name: 'table', headers: { accept: TABLE } },
  { name: 'table-gzip', headers: { accept: TABLE, 'accept-encoding': 'gzip' } },
];

/** Ten clients at once, each with the whole list, in each form that clients ask for. */
export const lists: Benchmark = {
  name: 'lists',
  async run(workshop) {
    const daemon = await workshop.daemon({ engine: 'simulated' });
    // Paused, so that no pass looks at them: what is measured is the API.
    await makeMany(workshop, DOCUMENTS, (n) => {
      const body = instance(`i-${n}`, { image: 'bench:1' }, { annotations: { [PAUSED]: 'true' } });
      return daemon.client.send('POST', pathOf('instances'), { body });
    });
    const figures: Figure[] = [];
    for (const form of FORMS) figures.push(...(await listed(daemon, form)));
    return figures;
  },
};

async function listed(daemon: TestDaemon, { name, headers }: (typeof FORMS)[number]): Promise<Figure[]> {
  const { result, over } = await memoryOver(daemon, () => listAll(daemon, CLIENTS, headers));
  const { sizes, seconds } = result;
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return [
    {
      name: `lists/${name}`,
      value: bytes / 1e6 / seconds,
      unit: 'MB/s',
      samples: CLIENTS,
      note: `${DOCUMENTS} instances, ${((sizes[0] ?? 0) / 1e6).toFixed(1)} MB each, ${CLIENTS} clients in ${seconds.toFixed(2)} s`,
    },
    {
      name: `lists/${name}-memory`,
      value: over,
      unit: 'MB',
      samples: 1,
      goal: atMost(over, GOAL_MEGABYTES, `<= ${GOAL_MEGABYTES} MB over idle`),
    },
  ];
}
