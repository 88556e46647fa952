import { refIn } from '../../../api/kind.ts';
import type { Ref } from '../../../api/metadata.ts';
import type { Session } from '../../../cli/session.ts';
import { FIELD_MANAGER } from '../../../cli/commands/apply.ts';
import { Failure } from '../../../cli/failure.ts';
import { getObject, mergeObject, nameOf } from '../../../cli/objects.ts';
import { refOfWords } from '../../../cli/targets.ts';
import { gitSyncKind } from '../definition.ts';
import { isGitSync } from '../types.ts';
import type { GitSync } from '../types.ts';

/** A sync by its name alone, or as KIND/NAME. Throws a Failure for an object of another kind. */
export function syncRefOf({ kinds, namespace }: Session, word: string): Ref {
  if (!word.includes('/')) return refIn(kinds.must(gitSyncKind.kind), namespace, word);
  const ref = refOfWords(kinds, [word], namespace);
  if (ref.kind !== gitSyncKind.kind) throw new Failure(`${nameOf(kinds, ref)} is no sync`);
  return ref;
}

export async function getSync({ client }: Session, ref: Ref): Promise<GitSync> {
  const object = await getObject(client, ref);
  if (!isGitSync(object)) throw new Failure(`${nameOf(client.kinds, ref)} is no sync`);
  return object;
}

/** Changes a sync as a person does who applies it. */
export async function changeSync(session: Session, ref: Ref, patch: object, told: string): Promise<void> {
  await mergeObject(session.client, ref, patch, FIELD_MANAGER);
  session.print(`${nameOf(session.kinds, ref)} ${told}`);
}
