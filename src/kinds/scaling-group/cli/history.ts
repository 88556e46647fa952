import type { Revision, ScalingGroup } from '../types.ts';
import { digestChanges } from '../../instance/public.ts';
import { scalingGroupSpecSchema } from '../schema.ts';
import { shortImageId } from '../../../base/image-reference.ts';
import { Failure } from '../../../cli/failure.ts';
import type { HistoryOptions, OwnWay } from '../../../cli/command.ts';
import { getGroup } from './groups.ts';
import { printable } from '../../../cli/io.ts';
import { patchLines } from '../../../cli/patch-lines.ts';
import type { Session } from '../../../cli/session.ts';
import { bySchema, toYaml } from '../../../cli/yaml.ts';

/** The last ten templates of a scaling group, newest first, and what each changed. */
export const groupHistory: OwnWay<HistoryOptions> = {
  flags: ['revision'],
  byName: true,
  async run(session, ref, { revision }) {
    const group = await getGroup(session.client, ref);
    if (revision !== undefined) return session.print(whole(group, revision));
    for (const line of told(session, group)) session.print(line);
  },
};

const yamlOf = (revision: Revision): string =>
  toYaml(bySchema(revision.template, scalingGroupSpecSchema.properties?.['template']));

function whole({ metadata, status }: ScalingGroup, number: number): string {
  const revisions = status?.revisions ?? [];
  const found = revisions.find((r) => r.revision === number);
  if (found) return yamlOf(found).trimEnd();
  throw new Failure(
    `${metadata.name} has no revision ${number}; it has ${revisions.map((r) => r.revision).join(', ') || 'none'}`,
  );
}

function told(session: Session, group: ScalingGroup): string[] {
  const revisions = (group.status?.revisions ?? []).toReversed();
  if (revisions.length === 0) return ['nothing has acted on it yet'];
  return revisions.flatMap((revision, at) => {
    const before = revisions[at + 1];
    const names = { before: `revision ${before?.revision}`, after: `revision ${revision.revision}` };
    const given = digestChanges(before?.config ?? {}, revision.config ?? {}, group.metadata.namespace);
    const changes = before ? [...patchLines(session, names, yamlOf(before), yamlOf(revision)), ...given] : [];
    return [session.colors.bold(titleOf(revision, at === 0)), ...changes, ''];
  });
}

function titleOf({ revision, createdAt, by, completedAt, failed, imageId }: Revision, isNewest: boolean): string {
  const fate = failed ? `failed: ${printable(failed)}` : completedAt ? `completed ${completedAt}` : 'never completed';
  const state = isNewest && !failed && !completedAt ? 'rolling out' : fate;
  return `revision ${revision}${isNewest ? ' (current)' : ''}  ${createdAt}${by ? `  by ${printable(by)}` : ''}${imageId ? `  image ${shortImageId(imageId)}` : ''}  ${state}`;
}
