import type Docker from 'dockerode';
import type { Instance } from '../../src/api/instance.ts';
import { atMost, pairs, summary, timed } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { fleet, instancesOf } from './fleet.ts';
import { startStraight } from './floor.ts';
import { peers } from './peers.ts';
import { cleaned } from './workshop.ts';
import type { Workshop } from './workshop.ts';

const INSTANCES = 50;
const PAIRS = 5;
const CIDR = '10.216.0.0/24';
const GOAL = 1.1;

/** From `miniaws apply` to all Ready, against the same network and containers made straight through the Engine's API. */
export const converge: Benchmark = {
  name: 'converge',
  async run(workshop) {
    const { docker, image } = await workshop.engine();
    const daemon = await workshop.daemon({ engine: 'docker' });
    const file = await workshop.manifests('fleet', fleet({ count: INSTANCES, image, cidrBlock: CIDR }));
    let documents: Instance[] = [];
    const measured = await pairs(
      PAIRS,
      async () => {
        const took = await timed(() => workshop.miniaws(daemon, 'apply', '--wait', '-f', file));
        documents = await instancesOf(daemon);
        await workshop.miniaws(daemon, 'delete', '-f', file);
        return took;
      },
      () => straight(workshop, docker, documents),
    );
    const found = summary(measured);
    const figure = {
      name: 'converge',
      ...found,
      unit: 'ms',
      goal: atMost(found.ratio, GOAL, `ratio <= ${GOAL}`),
    };
    return [figure, ...(await peers(workshop, { count: INSTANCES, image, cidrBlock: CIDR }, found.value))];
  },
};

async function straight(workshop: Workshop, docker: Docker, documents: readonly Instance[]): Promise<number> {
  const took = await timed(() => startStraight(workshop, docker, documents, CIDR));
  await cleaned(workshop.floorInstallation);
  return took;
}
