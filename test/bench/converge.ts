import type Docker from 'dockerode';
import type { Instance } from '../../src/kinds/instance/types.ts';
import { atMost, pairs, summary, timed } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { fleet, instancesOf } from './fleet.ts';
import { startStraight } from './floor.ts';
import { compose, peers, swarm } from './peers.ts';
import { cleanInstallation } from '../support/engine.ts';
import type { Workshop } from './workshop.ts';

const INSTANCES = 50;
const PAIRS = 5;
/** Another range each round: what an Engine has not quite let go of cannot hold up the next. */
const cidrOf = (round: number, side: 0 | 1) => `10.216.${40 + round * 2 + side}.0/24`;
const GOAL = 1.1;

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
        const cidrBlock = cidrOf(round, 0);
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
      (round) => straight(workshop, docker, documents, cidrOf(round, 1)),
    );
    const found = summary(measured);
    const figure = {
      name: 'converge',
      ...found,
      unit: 'ms',
      goal: atMost(found.ratio, GOAL, `ratio <= ${GOAL}`),
    };
    const same = { count: INSTANCES, image, cidrBlock: cidrOf(PAIRS, 0) };
    const ours = { figure: 'converge', value: found.value, fleet: same };
    return [figure, ...(await peers(workshop, ours, { 'docker-compose': compose(0), swarm }))];
  },
};

async function straight(
  workshop: Workshop,
  docker: Docker,
  documents: readonly Instance[],
  cidr: string,
): Promise<number> {
  const took = await timed(() => startStraight(workshop, docker, documents, cidr));
  await cleanInstallation(workshop.floorInstallation);
  return took;
}
