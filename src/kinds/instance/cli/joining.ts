import type { Resource } from '../../../api/metadata.ts';
import { follow } from '../../../cli/follow.ts';
import { collectionPath, findObject } from '../../../cli/objects.ts';
import type { ObjectList } from '../../../cli/objects.ts';
import { pause } from '../../../cli/pause.ts';
import type { Session } from '../../../cli/session.ts';
import type { Selection } from './instances.ts';

/** Milliseconds between looks whether there is anything left to follow. */
const LOOK_MS = 1_000;

/** How it ended: the process for good, or the instance is gone and another of its name may come. */
export type FollowEnd = 'ended' | 'gone';

/**
 * Follows those of a selection, and those that join it, by name: one in a slot goes on where the one before it was.
 * Ends when all that there are have ended for good, or whose they are is gone.
 */
export async function followJoining(
  session: Session,
  { labelSelector, of }: Selection,
  followOne: (name: string, joined: boolean) => Promise<FollowEnd>,
): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([session.signal, over.signal]);
  const running = new Set<string>();
  const ended = new Set<string>();
  const failures: unknown[] = [];

  const start = (name: string, joined: boolean) => {
    if (running.has(name)) return;
    running.add(name);
    ended.delete(name);
    followOne(name, joined)
      .then((end) => end === 'ended' && ended.add(name))
      .catch((error: unknown) => {
        // The others go on.
        failures.push(error);
        ended.add(name);
      })
      .finally(() => running.delete(name));
  };
  const watch = async () => {
    const path = collectionPath(session.kinds.must('Instance'), session.namespace);
    let joined = false;
    for await (const change of follow<ObjectList, Resource>(session.client, path, {
      query: { labelSelector },
      signal,
      onLost: (why) => session.lost(why),
    })) {
      const isNew = change.type === 'LIST' || change.type === 'ADDED';
      const objects = change.type === 'LIST' ? change.list.items : [change.object];
      // After a gap the list has those as well that are at their end.
      const candidates = isNew ? objects.map(({ metadata }) => metadata.name) : [];
      for (const name of candidates) if (change.type === 'ADDED' || !ended.has(name)) start(name, joined);
      joined = true;
    }
  };
  const endWhenDone = async () => {
    while (!signal.aborted) {
      await pause(LOOK_MS, signal);
      const isIdle = running.size === 0;
      if (isIdle && (ended.size > 0 || (of && !(await findObject(session.client, of))))) over.abort();
    }
  };
  try {
    await Promise.all([watch(), endWhenDone()]);
  } finally {
    over.abort();
  }
  if (failures.length > 0) throw failures[0];
}
