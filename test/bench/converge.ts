import type Docker from 'dockerode';
import type { Instance } from '../../src/kinds/instance/types.ts';
import { atMost, pairs, summary, timed } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { fleet, instancesOf } from './fleet.ts';
import { floorNetwork, soonest, startOn } from './floor.ts';
import { compose, peers, swarm } from './peers.ts';
import type { Workshop } from './workshop.ts';

const INSTANCES = 50;
const PAIRS = 5;
/** Another range each time: what an Engine has not quite let go of cannot hold up the next. */
let ranges = 40;
const nextRange = () => `10.216.${ranges++}.0/24`;
const GOAL = 1.05;

/** From `miniaws apply` to all Ready, against the same network and containers made straight through the Engine's API. */
export const converge: Benchmark = {
  name: 'converge',
  async run(workshop) {
    const { docker, image } = await workshop.engine();
    const daemon = await workshop.daemon({ engine: 'docker' });
    let documents: Instance[] = [];
    const measured = await pairs(
      PAIRS,
      async (round) => {
        const cidrBlock = nextRange();
        const file = await workshop.manifests(
          'fleet',
          fleet({ count: INSTANCES, image, cidrBlock, vpc: `vpc-${round}` }),
        );
        const took = await timed(() => workshop.miniaws(daemon, 'apply', '--wait', '-f', file));
        documents = await instancesOf(daemon);
        await workshop.miniaws(daemon, 'delete', 'instances', '--all');
        await workshop.miniaws(daemon, 'delete', 'vpcs', '--all', '--wait', 'false');
        return took;
      },
      () => soonest(workshop, (atOnce) => straight(workshop, docker, documents, atOnce)),
    );
    const found = summary(measured);
    const figure = {
      name: 'converge',
      ...found,
      unit: 'ms',
      goal: atMost(found.ratio, GOAL, `ratio <= ${GOAL}`),
    };
    const same = { count: INSTANCES, image, cidrBlock: nextRange() };
    const ours = { figure: 'converge', value: found.value, fleet: same };
    return [figure, ...(await peers(workshop, ours, { 'docker-compose': compose(0), swarm }))];
  },
};

function straight(workshop: Workshop, docker: Docker, documents: readonly Instance[], atOnce: number): Promise<number> {
  return timed(async () =>
    startOn(workshop, docker, documents, await floorNetwork(workshop, docker, nextRange()), atOnce),
  );
}
