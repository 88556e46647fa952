import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isInstance } from '../../src/kinds/instance/types.ts';
import { isReady } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { manifest, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';
import { atMost } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import type { Workshop } from './workshop.ts';

/** Cores of one instance, percent of them that are to be used, and the most instances. */
const [CPUS, TARGET, MOST] = [0.2, 50, 10];
/** Turns of a loop that all instances together make between two rests: idle, and at the step some half a core's. */
const [IDLE, BUSY] = [100, 40_000];
const REST_SECONDS = 0.1;
const CALM_MS = 10 * 60_000;
const LIMIT_MS = 5 * 60_000;
const LOOK_MS = 500;

/** What each instance does: its share of the work, which is in a file, and a rest; again and again. */
const LOOP = `while :; do read n < /load/share; i=0; while [ $i -lt $n ]; do i=$((i+1)); done; sleep ${REST_SECONDS}; done`;

/**
 * A step of load on real busy loops that share a fixed amount of work, as servers behind a load balancer do: how soon the
 * first new instance is Ready, how many too many there are, and whether the count swings while the load is constant.
 */
export const autoscale: Benchmark = {
  name: 'autoscale',
  async run(workshop) {
    const { image } = await workshop.engine();
    const load = await Load.open(workshop);
    const daemon = await workshop.daemon({
      engine: 'docker',
      env: { MINIAWS_ALLOW_HOST_PATH: load.folder, MINIAWS_METRICS_INTERVAL: '10' },
    });
    const file = await workshop.manifests('group', [vpc('bench', { cidrBlock: '10.216.99.0/24' }), group(image, load)]);
    await workshop.miniaws(daemon, 'apply', '--wait', '-f', file);
    await load.share(IDLE, 1);
    await eventually('its load to be known', () => isActive(daemon), LIMIT_MS);
    return figures(await watched(workshop, daemon, load));
  },
};

const group = (image: string, load: Load) =>
  manifest('ScalingGroup', 'loop', {
    vpc: 'bench',
    minInstances: 1,
    maxInstances: MOST,
    policies: [{ name: 'cpu', metric: 'cpu', target: TARGET }],
    strategy: { minReadySeconds: 0 },
    template: {
      spec: {
        image,
        command: ['sh', '-c', LOOP],
        resources: { cpus: CPUS },
        volumes: [{ hostPath: load.folder, mountPath: '/load', readOnly: true }],
        stopGracePeriod: '0s',
      },
    },
  });

/** The work, which those share that there are. */
class Load {
  readonly folder: string;

  static async open(workshop: Workshop): Promise<Load> {
    const load = new Load(join(workshop.folder, 'load'));
    await mkdir(load.folder);
    await load.share(IDLE, 1);
    return load;
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  async share(work: number, instances: number): Promise<void> {
    const draft = join(this.folder, 'draft');
    await writeFile(draft, `${Math.round(work / Math.max(1, instances))}\n`);
    await rename(draft, join(this.folder, 'share'));
  }
}

const instancesOf = async (daemon: TestDaemon): Promise<Resource[]> =>
  (await daemon.client.get<{ items: Resource[] }>(pathOf('instances'))).items.filter(isInstance);

async function isActive(daemon: TestDaemon): Promise<boolean> {
  const found = await daemon.client.get<Resource>(pathOf('scalinggroups', 'loop'));
  return found.status?.conditions?.some((c) => c.type === 'ScalingActive' && c.status === 'True') ?? false;
}

interface Watched {
  /** Seconds from the step to the second Ready instance. */
  firstSeconds: number;
  /** Every count of Ready instances that there was, in its order, with the seconds since the step. */
  counts: readonly { count: number; at: number }[];
}

async function watched(workshop: Workshop, daemon: TestDaemon, load: Load): Promise<Watched> {
  const began = performance.now();
  const counts = [{ count: 1, at: 0 }];
  await load.share(BUSY, 1);
  let changedAt = began;
  while (performance.now() - changedAt < CALM_MS) {
    workshop.signal.throwIfAborted();
    await pause(LOOK_MS);
    const count = (await instancesOf(daemon)).filter(isReady).length;
    if (count === counts.at(-1)?.count) continue;
    await load.share(BUSY, count);
    changedAt = performance.now();
    counts.push({ count, at: Math.round((changedAt - began) / 100) / 10 });
    if (changedAt - began > LIMIT_MS + CALM_MS) break;
  }
  const first = counts.find(({ count }) => count > 1);
  if (!first) throw new Error('no instance was added');
  return { firstSeconds: first.at, counts };
}

function figures({ firstSeconds, counts }: Watched): Figure[] {
  const numbers = counts.map(({ count }) => count);
  const last = numbers.at(-1) ?? 0;
  const turns = numbers.filter((count, i) => i > 1 && Math.sign(count - (numbers[i - 1] ?? 0)) < 0).length;
  const course = counts.map(({ count, at }) => `${count} at ${at} s`).join(', ');
  return [
    {
      name: 'autoscale/first',
      value: firstSeconds,
      unit: 's',
      samples: 1,
      note: 'from the step to the first new instance Ready',
    },
    { name: 'autoscale/overshoot', value: Math.max(...numbers) - last, unit: 'instances', samples: 1, note: course },
    {
      name: 'autoscale/turns',
      value: turns,
      unit: 'changes of direction',
      samples: 1,
      goal: atMost(turns, 0, '0 until 10 minutes without any change'),
    },
  ];
}
