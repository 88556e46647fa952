import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { TABLE } from '../../src/cli/client.ts';
import { PAUSED } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { atMost } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import type { ListOrder } from './list-client.ts';
import { residentMegabytes } from './observe.ts';
import type { Workshop } from './workshop.ts';

const CLIENT = fileURLToPath(new URL('list-client.ts', import.meta.url));
const DOCUMENTS = 10_000;
const CLIENTS = 10;
const AT_ONCE = 32;
const SAMPLE_EVERY_MS = 20;
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
    await fill(workshop, daemon);
    const figures: Figure[] = [];
    for (const form of FORMS) figures.push(...(await listed(daemon, form)));
    return figures;
  },
};

async function listed(daemon: TestDaemon, { name, headers }: (typeof FORMS)[number]): Promise<Figure[]> {
  const idle = residentMegabytes(daemon);
  let peak = idle;
  const sampling = setInterval(() => (peak = Math.max(peak, residentMegabytes(daemon))), SAMPLE_EVERY_MS);
  const { sizes, seconds } = await all(daemon, headers);
  clearInterval(sampling);
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
      value: peak - idle,
      unit: 'MB',
      samples: 1,
      goal: atMost(peak - idle, GOAL_MEGABYTES, `<= ${GOAL_MEGABYTES} MB over idle`),
    },
  ];
}

/** What arrived, and from the first request to the last byte. */
async function all(daemon: TestDaemon, headers: Record<string, string>): Promise<{ sizes: number[]; seconds: number }> {
  const child = spawn(process.execPath, ['--import', 'tsx', CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { url, ca, token } = daemon;
  const order: ListOrder = { url, ca, token, path: pathOf('instances'), lists: CLIENTS, headers };
  child.stdin.end(JSON.stringify(order));
  return JSON.parse(await text(child.stdout)) as { sizes: number[]; seconds: number };
}

/** Paused, so that no pass looks at them: what is measured is the API. */
async function fill(workshop: Workshop, daemon: TestDaemon): Promise<void> {
  const limit = pLimit(AT_ONCE);
  const numbers = Array.from({ length: DOCUMENTS }, (_, n) => n);
  await limit.map(numbers, async (n) => {
    workshop.signal.throwIfAborted();
    const body = instance(`i-${n}`, { image: 'bench:1' }, { annotations: { [PAUSED]: 'true' } });
    await daemon.client.send('POST', pathOf('instances'), { body });
  });
}
