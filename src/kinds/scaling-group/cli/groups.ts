import type { Ref } from '../../../api/metadata.ts';
import type { KindRegistry } from '../../../api/registry.ts';
import { isScalingGroup } from '../types.ts';
import type { ScalingGroup } from '../types.ts';
import type { ApiClient } from '../../../cli/client.ts';
import { Failure } from '../../../cli/failure.ts';
import { getObject, nameOf } from '../../../cli/objects.ts';
import { refOfWords } from '../../../cli/targets.ts';

/** A scaling group by its name alone, or as KIND/NAME. Throws a Failure for an object of another kind. */
export function groupRefOf(kinds: KindRegistry, word: string, namespace: string): Ref {
  const ref = refOfWords(kinds, [word.includes('/') ? word : `scalinggroup/${word}`], namespace);
  if (ref.kind !== 'ScalingGroup') throw new Failure(`${nameOf(kinds, ref)} has no count; only scaling groups have`);
  return ref;
}

export async function getGroup(client: ApiClient, ref: Ref): Promise<ScalingGroup> {
  const object = await getObject(client, ref);
  if (!isScalingGroup(object)) throw new Failure(`${nameOf(client.kinds, ref)} is not a scaling group`);
  return object;
}
