import { once } from 'node:events';
import type Docker from 'dockerode';
import type { Instance } from '../../src/kinds/instance/types.ts';
import { isReady } from '../../src/api/metadata.ts';
import type { ScalingGroup } from '../../src/kinds/scaling-group/types.ts';
import { MERGE_PATCH } from '../../src/cli/client.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { watch } from '../support/http.ts';
import { manifest, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';
import { atMost, pairs, summary, timed } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { instancesOf } from './fleet.ts';
import { floorNetwork, soonest, startOn } from './floor.ts';
import { compose, peers } from './peers.ts';
import type { Workshop } from './workshop.ts';

const [FEW, MANY] = [2, 50];
const PAIRS = 5;
/** The group keeps its network; the floor has another range each time, as what an Engine has not quite let go of cannot hold up the next. */
const CIDR = '10.216.90.0/24';
let ranges = 91;
const nextRange = () => `10.216.${ranges++}.0/24`;
const GOAL = 1.05;
const LIMIT_MS = 180_000;

/** From the request to `/scale` until all 50 are Ready, against the same 48 containers made straight through the Engine's API beside two that run. */
export const scaleOut: Benchmark = {
  name: 'scale-out',
  async run(workshop) {
    const { docker, image } = await workshop.engine();
    const daemon = await workshop.daemon({ engine: 'docker' });
    await workshop.miniaws(
      daemon,
      'apply',
      '--wait',
      '-f',
      await workshop.manifests('group', [vpc('bench', { cidrBlock: CIDR }), group(image)]),
    );
    let documents: Instance[] = [];
    const measured = await pairs(
      PAIRS,
      async () => {
        const took = await scaledOut(workshop, daemon);
        documents = (await instancesOf(daemon)).toSorted((a, b) => slotOf(a) - slotOf(b));
        await scale(daemon, FEW);
        await settled(workshop, daemon, FEW);
        return took;
      },
      () => soonest(workshop, (atOnce) => straight(workshop, docker, documents, atOnce)),
    );
    const found = summary(measured);
    const figure = {
      name: 'scale-out',
      ...found,
      unit: 'ms',
      goal: atMost(found.ratio, GOAL, `ratio <= ${GOAL}`),
      note: `ratios ${measured.map((p) => (p.ours / p.floor).toFixed(2)).join(', ')}`,
    };
    const same = { count: MANY, image, cidrBlock: nextRange() };
    const ours = { figure: 'scale-out', value: found.value, fleet: same };
    return [figure, ...(await peers(workshop, ours, { 'docker-compose': compose(FEW) }))];
  },
};

const group = (image: string) =>
  manifest('ScalingGroup', 'web', {
    vpc: 'bench',
    minInstances: FEW,
    maxInstances: MANY,
    template: { spec: { image, command: ['/bin/busybox', 'sleep', '1000000'], stopGracePeriod: '0s' } },
  });

const slotOf = ({ metadata }: Instance): number => Number(/\d+$/.exec(metadata.name)?.[0]);

const scale = (daemon: TestDaemon, replicas: number) =>
  daemon.client.send('PATCH', `${pathOf('scalinggroups', 'web')}/scale`, {
    body: { spec: { replicas } },
    contentType: MERGE_PATCH,
  });

/** Looks at the events as they come, as a client would. */
async function scaledOut(workshop: Workshop, daemon: TestDaemon): Promise<number> {
  const watcher = await watch(daemon, `${pathOf('instances')}?watch=true`);
  const signal = AbortSignal.any([workshop.signal, AbortSignal.timeout(LIMIT_MS)]);
  const ready = new Set<string>();
  try {
    return await timed(async () => {
      await scale(daemon, MANY);
      while (ready.size < MANY) {
        for (const { object } of watcher.events.splice(0)) if (isReady(object)) ready.add(object.metadata.uid);
        if (ready.size < MANY) await once(watcher.response, 'data', { signal });
      }
    });
  } finally {
    watcher.close();
  }
}

/** The group has so many, and the rest is gone. */
async function settled(workshop: Workshop, daemon: TestDaemon, count: number): Promise<void> {
  await eventually(
    `a group of ${count}`,
    async () => {
      workshop.signal.throwIfAborted();
      const web = await daemon.client.get<ScalingGroup>(pathOf('scalinggroups', 'web'));
      return isReady(web) && (await instancesOf(daemon)).length === count;
    },
    LIMIT_MS,
  );
}

async function straight(
  workshop: Workshop,
  docker: Docker,
  documents: readonly Instance[],
  atOnce: number,
): Promise<number> {
  const network = await floorNetwork(workshop, docker, nextRange());
  await startOn(workshop, docker, documents.slice(0, FEW), network, atOnce);
  return timed(() => startOn(workshop, docker, documents.slice(FEW), network, atOnce, FEW));
}
