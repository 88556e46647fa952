import { findCondition, hasSucceeded, isReady, keyOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import { PAUSED } from '../api/metadata.ts';
import type { ApiClient } from './client.ts';
import { follow } from './follow.ts';
import { collectionPath } from './objects.ts';
import type { ObjectList } from './objects.ts';

/** What is thought of one object while it is waited for. `failed`: waiting longer changes nothing. */
type Judgement = { is: 'met' } | { is: 'waiting' | 'failed'; why: string };
export type Judge = (object: Resource | undefined, ref: Ref) => Judgement;

export interface Unmet {
  ref: Ref;
  why: string;
  failed: boolean;
}

export interface WaitOptions {
  /** Milliseconds; 0: as long as it takes. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Told at every change: what is still waited for. */
  onWaiting?: (unmet: readonly Unmet[], of: number) => void;
  onLost?: (why: string) => void;
}

const UNSEEN = 'the server has not told of it yet';
const MET: Judgement = { is: 'met' };
const waiting = (why: string): Judgement => ({ is: 'waiting', why });
const failed = (why: string): Judgement => ({ is: 'failed', why });

/** Ready for the generation that it has now, or done with what it had to do. A process that ended for good otherwise fails at once. */
export const judgeReady: Judge = (object) => {
  if (!object) return failed('it does not exist (any more)');
  if (object.metadata.deletionTimestamp !== undefined) return failed('it is being deleted');
  if (isReady(object) || hasSucceeded(object)) return MET;
  const why = readyMessage(object);
  if (object.status?.observedGeneration !== object.metadata.generation) return waiting(why);
  const { phase } = object.status as { phase?: string };
  return phase === 'Failed' ? failed(why) : waiting(why);
};

/** Why an object is not Ready, in its own words. */
export function readyMessage(object: Resource): string {
  if (object.metadata.annotations?.[PAUSED] === 'true')
    return 'it is paused, so nothing acts on it; go on with: miniaws resume';
  const ready = findCondition(object, 'Ready');
  if (!ready) return 'nothing has acted on it yet';
  if (ready.observedGeneration !== object.metadata.generation)
    return `generation ${object.metadata.generation} has not been acted on yet`;
  return `${ready.reason}: ${ready.message}`;
}

/** Gone, with everything real of it (I14). One of the same name that was made since is another. */
export const judgeGone =
  (uids: ReadonlyMap<string, string>): Judge =>
  (object, ref) => {
    if (!object || (uids.has(keyOf(ref)) && object.metadata.uid !== uids.get(keyOf(ref)))) return MET;
    const ready = findCondition(object, 'Ready');
    return waiting(ready ? `${ready.reason}: ${ready.message}` : 'nothing has acted on it yet');
  };

/**
 * Follows the objects until all are as the judge wants, one failed, the time is over or `signal` aborts. Answers those that are not, which is
 * empty when all is well.
 */
export async function waitFor(
  client: ApiClient,
  refs: readonly Ref[],
  judge: Judge,
  options: WaitOptions,
): Promise<Unmet[]> {
  const open = new Map<string, Unmet>(refs.map((ref) => [keyOf(ref), { ref, why: UNSEEN, failed: false }]));
  const enough = new AbortController();
  const signals = [enough.signal, options.signal];
  if (options.timeoutMs > 0) signals.push(AbortSignal.timeout(options.timeoutMs));
  const seen = (ref: Ref, object: Resource | undefined) => {
    const judgement = judge(object, ref);
    if (judgement.is === 'met') open.delete(keyOf(ref));
    else open.set(keyOf(ref), { ref, why: judgement.why, failed: judgement.is === 'failed' });
  };
  const looked = () => {
    const unmet = [...open.values()];
    if (unmet.length === 0 || unmet.some((u) => u.failed)) enough.abort();
    // Kinds are listed one beside the other: what no list has told of yet may well be as it should.
    else if (unmet.every((u) => u.why !== UNSEEN)) options.onWaiting?.(unmet, refs.length);
  };
  const signal = AbortSignal.any(signals);
  try {
    await Promise.all(groupsOf(refs).map((group) => followGroup(client, group, { seen, looked, signal, options })));
  } finally {
    enough.abort();
  }
  return [...open.values()];
}

/** Objects of one kind in one namespace: what one watch tells of. */
interface Group {
  kind: string;
  namespace: string;
  refs: Map<string, Ref>;
}

function groupsOf(refs: readonly Ref[]): Group[] {
  const groups = new Map<string, Group>();
  for (const ref of refs) {
    const key = `${ref.kind}/${ref.namespace}`;
    const group = groups.get(key) ?? { kind: ref.kind, namespace: ref.namespace, refs: new Map() };
    groups.set(key, group);
    group.refs.set(ref.name, ref);
  }
  return [...groups.values()];
}

interface Watcher {
  seen: (ref: Ref, object: Resource | undefined) => void;
  looked: () => void;
  signal: AbortSignal;
  options: WaitOptions;
}

async function followGroup(client: ApiClient, group: Group, watcher: Watcher): Promise<void> {
  const { seen, looked, signal, options } = watcher;
  const [only] = group.refs.keys();
  const query = group.refs.size === 1 ? { fieldSelector: `metadata.name=${only}` } : {};
  const lost = options.onLost ? { onLost: options.onLost } : {};
  const path = collectionPath(client.kinds.must(group.kind), group.namespace);
  for await (const change of follow<ObjectList, Resource>(client, path, { query, signal, ...lost })) {
    if (change.type === 'LIST') {
      const byName = new Map(change.list.items.map((item) => [item.metadata.name, item]));
      for (const [name, ref] of group.refs) seen(ref, byName.get(name));
    } else {
      const ref = group.refs.get(change.object.metadata.name);
      if (!ref) continue;
      seen(ref, change.type === 'DELETED' ? undefined : change.object);
    }
    looked();
  }
}
