import { anyController } from '../../engine/steps.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import { vpcController } from './controller.ts';

export { contradiction } from './invariants.ts';

export const createRuntime: CreateRuntime = ({ compute, settings }) => ({
  controller: anyController(vpcController(compute, settings.hostAccess)),
});
