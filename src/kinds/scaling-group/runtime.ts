import { anyController } from '../../engine/steps.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import { Autoscaler } from './autoscaler.ts';
import { scalingGroupController } from './controller.ts';
import { RECOMMENDATIONS } from './recommendations.ts';

export { contradiction } from './invariants.ts';

const PRUNE_EVERY_MS = 60_000;
/** The window of scaling in is 5 minutes; the rest is for who asks why. */
const KEPT_MS = 3_600_000;

export const createRuntime: CreateRuntime = ({ store, view, clock, log, metrics, digest, notice }) => {
  const recommendations = store.beside(RECOMMENDATIONS);
  const autoscaler = new Autoscaler({
    recommendations,
    view,
    clock,
    log,
    metrics,
    onChange: (ref, what) => notice(ref, what, 'metric'),
  });
  return {
    controller: anyController(scalingGroupController(autoscaler, digest)),
    leaderTasks: [{ stop: () => autoscaler.stop() }],
    chores: [
      {
        name: 'recommendations',
        everyMs: PRUNE_EVERY_MS,
        run: () => recommendations.prune(new Date(clock.now().getTime() - KEPT_MS)),
      },
    ],
  };
};
