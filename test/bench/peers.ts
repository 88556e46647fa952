import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { messageOf } from '../../src/base/errors.ts';
import { engine } from '../support/engine.ts';
import { eventually } from '../support/wait.ts';
import { timed } from './figure.ts';
import type { Figure } from './figure.ts';
import type { Fleet } from './fleet.ts';
import type { Workshop } from './workshop.ts';

const execute = promisify(execFile);
/** A peer that is slower than this is not of interest. */
const LIMIT_MS = 120_000;

/** A figure of ours, and the fleet that it is about. */
interface Ours {
  figure: string;
  value: number;
  fleet: Fleet;
}

/** The same by what else people use, where the machine has it: ours should be under all. */
export async function peers(
  workshop: Workshop,
  ours: Ours,
  measures: Readonly<Record<string, (workshop: Workshop, fleet: Fleet) => Promise<number>>>,
): Promise<Figure[]> {
  const found: Figure[] = [];
  for (const [name, measure] of Object.entries(measures)) {
    workshop.signal.throwIfAborted();
    try {
      const took = await measure(workshop, ours.fleet);
      found.push({
        name: `${ours.figure}/${name}`,
        value: took,
        unit: 'ms',
        samples: 1,
        goal: { words: `${ours.figure} is under it`, met: ours.value < took },
      });
    } catch (error) {
      process.stderr.write(`${ours.figure}: no ${name} to compare with: ${messageOf(error).split('\n')[0]}\n`);
    }
  }
  return found;
}

/** From so many containers on. Throws when the machine has no docker-compose. */
export const compose =
  (from: number) =>
  async (workshop: Workshop, { count, image, cidrBlock }: Fleet): Promise<number> => {
    await execute('docker-compose', ['version']);
    const file = join(workshop.folder, 'compose.yaml');
    const service = { image, entrypoint: ['/bin/busybox', 'sleep', '1000000'], stop_grace_period: '0s' };
    const networks = { default: { ipam: { config: [{ subnet: cidrBlock }] } } };
    await writeFile(file, stringify({ version: '3.8', services: { i: service }, networks }));
    const run = (...args: string[]) =>
      execute('docker-compose', ['-p', workshop.floorInstallation, '-f', file, ...args], { timeout: LIMIT_MS });
    try {
      const scale = (to: number) => run('up', '-d', '--scale', `i=${to}`);
      if (from > 0) await scale(from);
      return await timed(() => scale(count));
    } finally {
      await run('down', '-t', '0');
    }
  };

/** Throws when the Engine is not a manager of a swarm: making it one is not a benchmark's to do. */
export async function swarm(workshop: Workshop, { count, image }: Fleet): Promise<number> {
  const { Swarm } = (await engine.info()) as { Swarm?: { ControlAvailable?: boolean } };
  if (!Swarm?.ControlAvailable) throw new Error('the Engine is no manager of a swarm');
  const name = workshop.floorInstallation;
  const network = await engine.createNetwork({ Name: name, Driver: 'overlay' });
  try {
    return await timed(async () => {
      const ContainerSpec = { Image: image, Command: ['/bin/busybox', 'sleep', '1000000'] };
      const service = await engine.createService({
        Name: name,
        TaskTemplate: { ContainerSpec, Networks: [{ Target: network.id }] },
        Mode: { Replicated: { Replicas: count } },
        EndpointSpec: { Mode: 'dnsrr' },
      } as never);
      const filters = JSON.stringify({ service: [name] });
      await eventually(
        'all tasks to run',
        async () => {
          const tasks = (await engine.listTasks({ filters })) as { Status?: { State?: string } }[];
          return tasks.filter((task) => task.Status?.State === 'running').length === count;
        },
        LIMIT_MS,
      );
      return service;
    });
  } finally {
    await engine
      .getService(name)
      .remove()
      .catch(() => undefined);
    await eventually('the network to be free', () => network.remove().then(() => true), LIMIT_MS);
  }
}
