import type { Ref, Resource } from '../api/metadata.ts';
import { Failure } from './failure.ts';
import { nameOf, objectPath } from './objects.ts';
import type { Session } from './session.ts';

/** A version of an object, as the API's `/history` has it. */
export interface Version {
  revision: number;
  time: string;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  manager?: string;
  /** Whose key the write came with; not told of the daemon's own writes. */
  user?: string;
  source?: string;
  changed?: string[];
  object: Resource;
}

/** As many as the server gives at once. */
const ALL = 500;

/** The versions of an object that are kept, oldest first. */
export const versionsOf = async ({ client, kinds }: Session, ref: Ref, limit = ALL): Promise<Version[]> =>
  (await client.get<{ items: Version[] }>(objectPath(kinds, ref, 'history'), { query: { limit } })).items;

/** One of them, and the one before it. Throws a Failure that says which there are. */
export function versionAt(
  { kinds }: Session,
  ref: Ref,
  versions: readonly Version[],
  revision: number,
): { version: Version; before: Version | undefined } {
  const at = versions.findIndex((v) => v.revision === revision);
  const version = versions[at];
  if (version) return { version, before: versions[at - 1] };
  throw new Failure(
    `${nameOf(kinds, ref)} has no revision ${revision}; it has ${versions.map((v) => v.revision).join(', ')}`,
  );
}
