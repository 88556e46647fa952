import { anyController } from '../../engine/steps.ts';
import { OBJECT_ROWS } from '../../s3/object-rows.ts';
import { Objects } from '../../s3/objects.ts';
import { objectKeys } from '../bucket/public.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import { objectController } from './controller.ts';
import { FileWatch } from './file-watch.ts';

export { contradiction } from './invariants.ts';

export const createRuntime: CreateRuntime = ({ store, bytes, clock, log, check, notice, view, mac }) => {
  const objects = new Objects({ rows: store.beside(OBJECT_ROWS), bytes, clock, keys: objectKeys(view, mac) });
  const files = new FileWatch({ objects, clock, log }, (ref, what) => notice(ref, what, 'storage'));
  return {
    controller: anyController(objectController({ objects, files, check })),
    leaderTasks: [{ stop: () => files.stop() }],
  };
};
