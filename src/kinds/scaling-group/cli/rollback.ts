import type { Ref } from '../../../api/metadata.ts';
import { templateOf } from '../revisions.ts';
import type { Revision, ScalingGroup } from '../types.ts';
import { Failure } from '../../../cli/failure.ts';
import type { OwnWay, RollbackOptions } from '../../../cli/command.ts';
import { ROLLBACK_MANAGER } from '../../../cli/commands/rollback.ts';
import { getGroup } from './groups.ts';
import { mergePatchOf } from '../../../cli/merge-patch.ts';
import { mergeObject, nameOf } from '../../../cli/objects.ts';
import type { Session } from '../../../cli/session.ts';
import { judgeReady } from '../../../cli/wait-for.ts';
import { waitOrFail } from '../../../cli/waiting.ts';

/** Goes back to an earlier template of a scaling group; of its count, its policies and its schedules nothing changes. */
export const groupRollback: OwnWay<RollbackOptions> = {
  flags: ['toRevision', 'wait', 'timeout'],
  byName: true,
  run: rollback,
};

async function rollback(session: Session, ref: Ref, options: RollbackOptions): Promise<void> {
  const group = await getGroup(session.client, ref);
  const target = targetOf(group, options.toRevision);
  const template = mergePatchOf(group.spec.template, templateOf(target)) ?? {};
  const { resourceVersion } = group.metadata;
  await mergeObject(session.client, ref, { metadata: { resourceVersion }, spec: { template } }, ROLLBACK_MANAGER);
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
