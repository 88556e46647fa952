import type { Command } from 'commander';
import type { Ref } from '../../../api/metadata.ts';
import { templateOf } from '../revisions.ts';
import type { Revision, ScalingGroup } from '../types.ts';
import { Failure } from '../../../cli/failure.ts';
import { booleanFlag, countFlag, durationFlag } from '../../../cli/flags.ts';
import { getGroup, groupRefOf } from './groups.ts';
import { mergePatchOf } from '../../../cli/merge-patch.ts';
import { mergeObject, nameOf } from '../../../cli/objects.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { judgeReady } from '../../../cli/wait-for.ts';
import { waitOrFail } from '../../../cli/waiting.ts';

interface RollbackOptions {
  toRevision?: number;
  wait?: boolean;
  timeout: number;
}

const MANAGER = 'miniaws-rollback';

export function addRollback(program: Command, setup: ClientSetup): void {
  program
    .command('rollback')
    .argument('<group>', 'scalinggroup/NAME or NAME')
    .description('go back to an earlier template of a scaling group')
    .option('--to-revision <number>', 'which (see miniaws history); the one before this when left out', countFlag)
    .option('--wait [yes]', 'wait until the instances have it', booleanFlag)
    .option('--timeout <time>', 'how long to wait at most; 0: for ever', durationFlag, 300_000)
    .action(
      task<[string], RollbackOptions>(setup, (session, [word], options) =>
        rollback(session, groupRefOf(session.kinds, word, session.namespace), options),
      ),
    );
}

async function rollback(session: Session, ref: Ref, options: RollbackOptions): Promise<void> {
  const group = await getGroup(session.client, ref);
  const target = targetOf(group, options.toRevision);
  const template = mergePatchOf(group.spec.template, templateOf(target)) ?? {};
  const { resourceVersion } = group.metadata;
  await mergeObject(session.client, ref, { metadata: { resourceVersion }, spec: { template } }, MANAGER);
  session.print(`${nameOf(session.kinds, ref)} rolled back to revision ${target.revision}`);
  if (options.wait) await waitOrFail(session, [ref], judgeReady, { timeoutMs: options.timeout, what: 'ready' });
}

function targetOf({ metadata, status }: ScalingGroup, number: number | undefined): Revision {
  const revisions = status?.revisions ?? [];
  const earlier = revisions.slice(0, -1);
  // Of those before, the last that is known to have worked; when none is, the last.
  const target =
    number === undefined
      ? (earlier.findLast((r) => r.completedAt !== undefined) ?? earlier.at(-1))
      : revisions.find((r) => r.revision === number);
  if (target) return target;
  const kept = revisions.map((r) => r.revision).join(', ') || 'none';
  throw new Failure(
    number === undefined
      ? `there is no revision before this one (${metadata.name} has ${kept})`
      : `${metadata.name} has no revision ${number}; it has ${kept}`,
  );
}
