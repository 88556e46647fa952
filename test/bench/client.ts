import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { PROGRAM } from '../support/program.ts';
import { atMost, median, pairs, summary, timed } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import { fleet } from './fleet.ts';

const execute = promisify(execFile);
const INSTANCES = 100;
const PAIRS = 15;
const GOAL = { ms: 150, ratio: 3 };

/** One `miniaws get instances`, as a person waits for it, against a Node that does nothing; and kubectl's over the same API. */
export const client: Benchmark = {
  name: 'client',
  async run(workshop) {
    const daemon = await workshop.daemon({ engine: 'simulated' });
    const documents = fleet({ count: INSTANCES, image: 'bench:1', cidrBlock: '10.216.0.0/24' });
    await workshop.miniaws(daemon, 'apply', '--wait', '-f', await workshop.manifests('fleet', documents));
    const env = { ...process.env, KUBECONFIG: daemon.kubeconfigPath };
    const took = (program: string, ...args: string[]) => timed(() => execute(program, args, { env }));
    const measured = await pairs(
      PAIRS,
      () => took(process.execPath, PROGRAM, 'get', 'instances'),
      () => took(process.execPath, '-e', '0'),
    );
    const found = summary(measured);
    const figure: Figure = {
      name: 'client',
      ...found,
      unit: 'ms',
      goal: {
        words: `<= ${GOAL.ms} ms, ratio <= ${GOAL.ratio}`,
        met: found.value <= GOAL.ms && found.ratio <= GOAL.ratio,
      },
    };
    return [figure, ...(await kubectl(() => took('kubectl', 'get', 'instances'), found.value))];
  },
};

async function kubectl(get: () => Promise<number>, ours: number): Promise<Figure[]> {
  try {
    const times: number[] = [];
    for (let round = 0; round < PAIRS; round++) times.push(await get());
    const value = median(times);
    return [
      { name: 'client/kubectl', value, unit: 'ms', samples: PAIRS, goal: atMost(ours, value, 'client is under it') },
    ];
  } catch {
    process.stderr.write('client: no kubectl to compare with\n');
    return [];
  }
}
