import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { APPLY_PATCH } from '../../src/cli/client.ts';
import { PAUSED } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { atMost, percentile } from './figure.ts';
import type { Benchmark } from './figure.ts';
import type { ListOrder } from './list-client.ts';
import { residentMegabytes } from './observe.ts';
import type { Workshop } from './workshop.ts';

const CLIENT = fileURLToPath(new URL('list-client.ts', import.meta.url));
const DOCUMENTS = 100_000;
const LISTS = 12;
const AT_ONCE = 32;
const ALONE = 200;
const SAMPLE_EVERY_MS = 20;
const GOAL = { writeMs: 50, megabytes: 150 };

/** Twelve clients that list everything at once, beside one that writes. */
export const list: Benchmark = {
  name: 'list',
  async run(workshop) {
    const daemon = await workshop.daemon({ engine: 'simulated' });
    await fill(workshop, daemon);
    const alone = await writes(daemon, (n) => n < ALONE);
    const idle = residentMegabytes(daemon);
    let [open, peak] = [true, idle];
    const sampling = setInterval(() => (peak = Math.max(peak, residentMegabytes(daemon))), SAMPLE_EVERY_MS);
    const lists = allLists(daemon).finally(() => (open = false));
    const beside = await writes(daemon, () => open);
    const sizes = await lists;
    clearInterval(sampling);
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
        value: peak - idle,
        unit: 'MB',
        samples: 1,
        goal: atMost(peak - idle, GOAL.megabytes, `<= ${GOAL.megabytes} MB over idle`),
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

/** Paused, so that no pass looks at them: what is measured is the API. */
async function fill(workshop: Workshop, daemon: TestDaemon): Promise<void> {
  const limit = pLimit(AT_ONCE);
  const numbers = Array.from({ length: DOCUMENTS }, (_, n) => n);
  await limit.map(numbers, (n) => {
    workshop.signal.throwIfAborted();
    return send(daemon, `i-${n}`, n);
  });
}

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

/** The bytes of each. */
async function allLists(daemon: TestDaemon): Promise<number[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { url, ca, token } = daemon;
  const order: ListOrder = { url, ca, token, path: pathOf('instances'), lists: LISTS, headers: {} };
  child.stdin.end(JSON.stringify(order));
  return (JSON.parse(await text(child.stdout)) as { sizes: number[] }).sizes;
}
