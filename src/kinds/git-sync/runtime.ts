import { anyController } from '../../engine/steps.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import { gitSyncController } from './controller.ts';
import { webhookRoute } from './http/webhook.ts';
import { Repositories } from './repositories.ts';

export const createRuntime: CreateRuntime = ({ git, clock, kinds, settings, notice }) => {
  const repositories = new Repositories({ git, clock, notice: (ref, what) => notice(ref, what, 'git') });
  return {
    controller: anyController(gitSyncController({ repositories, kinds, settings, clock })),
    routes: webhookRoute,
    leaderTasks: [{ stop: () => repositories.stop() }],
  };
};
