import { setTimeout as pause } from 'node:timers/promises';
import { atMost } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { fleet } from './fleet.ts';
import { cpuSeconds, engineCalls, pidOf, writesOf } from './observe.ts';

const INSTANCES = 200;
const WINDOW_S = 60;
/** In the window everything is looked at once: five times as often as by default, so that no period is left out. */
const RESYNC_S = 60;
/** Of one core. */
const GOAL_PERCENT = 0.5;
const MUTATING = /^(create|remove|start|stop|unpause|rename|update|connect|disconnect|ensure|pull|import)/;
/**
 * The first seconds after the last change are not rest: its events are still looked at, and V8 gives back the memory
 * that 200 creations took, in up to three collections 8 s apart.
 */
const SETTLE_MS = 30_000;

/** A converged world is left alone for a minute. */
export const quiet: Benchmark = {
  name: 'quiet',
  async run(workshop) {
    const { image } = await workshop.engine();
    const database = await workshop.database();
    // What is sampled has a figure of its own: metrics.
    const env = { MINIAWS_RESYNC: String(RESYNC_S), MINIAWS_METRICS_INTERVAL: '0' };
    const daemon = await workshop.daemon({ engine: 'docker', database, env });
    const file = await workshop.manifests('fleet', fleet({ count: INSTANCES, image, cidrBlock: '10.216.30.0/24' }));
    await workshop.miniaws(daemon, 'apply', '--wait', '-f', file);
    await pause(SETTLE_MS, undefined, { signal: workshop.signal });
    const [writes, calls] = [await writesOf(database), await engineCalls(daemon)];
    const [cpu, began] = [cpuSeconds(pidOf(daemon)), performance.now()];
    await pause(WINDOW_S * 1_000, undefined, { signal: workshop.signal });
    const seconds = (performance.now() - began) / 1_000;
    const percent = ((cpuSeconds(pidOf(daemon)) - cpu) / seconds) * 100;
    const made = [...(await engineCalls(daemon))].map(([name, n]) => ({ name, count: n - (calls.get(name) ?? 0) }));
    const total = made.reduce((sum, { count }) => sum + count, 0);
    const mutating = made.filter(({ name }) => MUTATING.test(name)).reduce((sum, { count }) => sum + count, 0);
    const written = (await writesOf(database)) - writes;
    const figure = (name: string, value: number, unit: string) => ({ name, value, unit, samples: 1 });
    const named = made.filter(({ count }) => count > 0).map(({ name, count }) => `${name} ${count}`);
    return [
      {
        ...figure('quiet/cpu', percent, '% of a core'),
        goal: atMost(percent, GOAL_PERCENT, `< ${GOAL_PERCENT} %`),
      },
      { ...figure('quiet/calls', (total * 60) / seconds, 'calls/min'), note: named.join(', ') },
      { ...figure('quiet/mutating', mutating, 'calls'), goal: atMost(mutating, 0, 'none') },
      { ...figure('quiet/writes', written, 'rows'), goal: atMost(written, 0, 'none') },
    ];
  },
};
