import { anyController } from '../../engine/steps.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import { gitSyncController } from './controller.ts';
import { operationsRoute } from './http/operations.ts';
import { webhookRoute } from './http/webhook.ts';
import { OPERATIONS } from './operations.ts';
import { OperationRecorder } from './recorder.ts';
import { Repositories } from './repositories.ts';
import { isGitSync } from './types.ts';

const COLLECT_EVERY_MS = 3_600_000;
const PRUNE_EVERY_MS = 3_600_000;
/** What a sync did is kept while it lives, and for so long after it began it: for who asks later. */
const KEPT_MS = 90 * 86_400_000;

export const createRuntime: CreateRuntime = (deps) => {
  const { git, store, view, clock, log, kinds, settings, digest, notice } = deps;
  const repositories = new Repositories({ git, clock, notice: (ref, what) => notice(ref, what, 'git') });
  const recorder = new OperationRecorder({ store, clock, log });
  return {
    controller: anyController(gitSyncController({ repositories, kinds, settings, clock, digest })),
    routes(app, context) {
      webhookRoute(app, context);
      operationsRoute(app, context);
    },
    leaderTasks: [{ stop: () => repositories.stop() }, recorder],
    chores: [
      {
        name: 'sync operations',
        everyMs: PRUNE_EVERY_MS,
        run() {
          const living = view.list('GitSync').map(({ metadata }) => metadata.uid);
          return store.beside(OPERATIONS).prune(new Date(clock.now().getTime() - KEPT_MS), living);
        },
      },
      {
        // One that has led before has caches, too.
        name: 'git caches',
        everyMs: COLLECT_EVERY_MS,
        byEach: true,
        run: () => git.collect(view.list('GitSync').flatMap((sync) => (isGitSync(sync) ? [sync.spec.url] : []))),
      },
    ],
  };
};
