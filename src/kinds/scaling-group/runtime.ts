import { anyController } from '../../engine/steps.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import { Autoscaler } from './autoscaler.ts';
import { scalingGroupController } from './controller.ts';

export { contradiction } from './invariants.ts';

export const createRuntime: CreateRuntime = ({ store, view, clock, log, metrics, notice }) => {
  const { recommendations } = store;
  const autoscaler = new Autoscaler({
    recommendations,
    view,
    clock,
    log,
    metrics,
    onChange: (ref, what) => notice(ref, what, 'metric'),
  });
  return {
    controller: anyController(scalingGroupController(autoscaler)),
    leaderTasks: [{ stop: () => autoscaler.stop() }],
  };
};
