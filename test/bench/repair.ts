import type Docker from 'dockerode';
import type { Instance } from '../../src/kinds/instance/types.ts';
import type { Network } from '../../src/drivers/compute.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import { isReady } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { pathOf } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';
import { EngineEvents, nowMs } from './engine-events.ts';
import { atMost, pairs, summary } from './figure.ts';
import type { Benchmark, Figure, Pair } from './figure.ts';
import { fleet, instancesOf } from './fleet.ts';
import { addressIn, floorContainer, floorNetwork } from './floor.ts';
import type { Workshop } from './workshop.ts';

const INSTANCES = 50;
const PAIRS = 10;
/** Beyond the floor of create and start: what noticing, planning and writing may take. */
const OVER_MS = 25;
const CRASH_GOAL = 1.1;

interface Bench {
  workshop: Workshop;
  docker: Docker;
  daemon: TestDaemon;
  events: EngineEvents;
  instances: readonly Instance[];
  floor: Network;
}

/**
 * One of many is removed, from the Engine's `destroy` to the `start` of the new one, against a create and start of the
 * same container; and one's process is killed, from `die` to `start`, against a container that nobody looks after but
 * the Engine's restart policy. Each time another instance, so that no back-off adds up.
 */
export const repair: Benchmark = {
  name: 'repair',
  async run(workshop) {
    const { docker, image } = await workshop.engine();
    const daemon = await workshop.daemon({ engine: 'docker' });
    const file = await workshop.manifests('fleet', fleet({ count: INSTANCES, image, cidrBlock: '10.216.20.0/24' }));
    await workshop.miniaws(daemon, 'apply', '--wait', '-f', file);
    const events = await EngineEvents.open(docker);
    workshop.atEnd(() => events.close());
    const floor = await floorNetwork(workshop, docker, '10.216.21.0/24');
    const bench: Bench = { workshop, docker, daemon, events, instances: await instancesOf(daemon), floor };
    const removed = await pairs(
      PAIRS,
      (round) => removedOne(bench, round),
      (round) => createdOne(bench, round),
    );
    return [removal(removed), ...(await crashes(bench))];
  },
};

function removal(measured: readonly Pair[]): Figure {
  const found = summary(measured);
  const over = found.value - found.floor;
  return {
    name: 'repair/removed',
    ...found,
    unit: 'ms',
    goal: atMost(over, OVER_MS, `<= floor + ${OVER_MS} ms`),
    note: `${over >= 0 ? '+' : ''}${over.toFixed(0)} ms`,
  };
}

const nth = ({ instances }: Bench, n: number): Instance => {
  const found = instances[n];
  if (!found) throw new Error(`there is no instance ${n}`);
  return found;
};

async function removedOne(bench: Bench, round: number): Promise<number> {
  bench.workshop.signal.throwIfAborted();
  const instance = nth(bench, round);
  const { uid } = instance.metadata;
  const began = nowMs();
  await bench.docker.getContainer(instance.status?.containerId ?? '').remove({ force: true });
  const gone = await bench.events.next('destroy', (e) => e.Actor.ID === instance.status?.containerId, began);
  const isNew = (e: { Actor: { Attributes: Record<string, string> } }) => e.Actor.Attributes[LABEL.uid] === uid;
  const back = await bench.events.next('start', isNew, gone);
  await ready(bench, instance);
  return back - gone;
}

async function createdOne(bench: Bench, round: number): Promise<number> {
  const began = nowMs();
  const container = await floorContainer(
    bench.workshop,
    bench.docker,
    nth(bench, round),
    bench.floor,
    addressIn(bench.floor, round),
  );
  await container.start();
  const took = (await bench.events.next('start', (e) => e.Actor.ID === container.id, began)) - began;
  await container.remove({ force: true });
  return took;
}

/** Nothing where processes of the Engine are not this machine's, or not ours to kill. */
async function crashes(bench: Bench): Promise<Figure[]> {
  try {
    const measured = await pairs(
      PAIRS,
      (round) => crashedOne(bench, PAIRS + round),
      (round) => crashedAlone(bench, PAIRS + round),
    );
    const found = summary(measured);
    const goal = atMost(found.ratio, CRASH_GOAL, `ratio <= ${CRASH_GOAL}`);
    return [{ name: 'repair/killed', ...found, unit: 'ms', goal }];
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes((error as { code?: string }).code ?? '')) throw error;
    process.stderr.write('repair: the processes of containers cannot be killed from here: kill -9 is left out\n');
    return [];
  }
}

async function crashedOne(bench: Bench, n: number): Promise<number> {
  const instance = nth(bench, n);
  const took = await killed(bench, instance.status?.containerId ?? '');
  await ready(bench, instance);
  return took;
}

async function crashedAlone(bench: Bench, n: number): Promise<number> {
  const container = await floorContainer(
    bench.workshop,
    bench.docker,
    nth(bench, n),
    bench.floor,
    addressIn(bench.floor, n),
  );
  await container.start();
  const took = await killed(bench, container.id);
  await container.remove({ force: true });
  return took;
}

async function killed({ workshop, docker, events }: Bench, id: string): Promise<number> {
  workshop.signal.throwIfAborted();
  const { State } = await docker.getContainer(id).inspect();
  const began = nowMs();
  process.kill(State.Pid, 'SIGKILL');
  const dead = await events.next('die', (e) => e.Actor.ID === id, began);
  return (await events.next('start', (e) => e.Actor.ID === id, dead)) - dead;
}

/** Before the next one: what is measured is one repair, not the end of the last. */
const ready = ({ daemon }: Bench, { metadata }: Instance) =>
  eventually(`${metadata.name} to be Ready`, async () =>
    isReady(await daemon.client.get<Instance>(pathOf('instances', metadata.name))),
  );
