import type { Ref } from '../api/metadata.ts';
import { keyOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import { refIn } from '../api/kind.ts';
import { StatusError } from '../base/errors.ts';
import type { ApiClient } from './client.ts';
import { tell } from './failure.ts';
import { getObject, listObjects } from './objects.ts';
import type { Selectors } from './objects.ts';
import type { Target } from './targets.ts';

export interface Selected {
  objects: Resource[];
  /** Named ones that do not exist. */
  missing: { ref: Ref; message: string }[];
}

/** The objects that targets mean, read from the server. */
export async function selectObjects(
  client: ApiClient,
  targets: readonly Target[],
  namespace: string | undefined,
  selectors: Selectors = {},
): Promise<Selected> {
  const result: Selected = { objects: [], missing: [] };
  for (const { kind, names } of targets) {
    if (!names) {
      result.objects.push(...(await listObjects(client, kind, namespace, selectors)).items);
      continue;
    }
    const refs = names.map((name) => refIn(kind, namespace, name));
    for (const found of await Promise.all(refs.map((ref) => find(client, ref)))) {
      if ('message' in found) result.missing.push(found);
      else result.objects.push(found);
    }
  }
  return result;
}

async function find(client: ApiClient, ref: Ref): Promise<Resource | { ref: Ref; message: string }> {
  try {
    return await getObject(client, ref);
  } catch (error) {
    if (error instanceof StatusError && error.reason === 'NotFound') return { ref, message: tell(error) };
    throw error;
  }
}

/** By key, the uid that was meant: what is made later under the name is another object. */
export const uidsOf = (objects: readonly Resource[]): Map<string, string> =>
  new Map(objects.map((object) => [keyOf(refOf(object)), object.metadata.uid]));
