import { compareKeys } from '../../../base/compare-keys.ts';

/** A file or an object; `name` is relative to the folder that is synced. */
export interface Side {
  name: string;
  sizeBytes: number;
  modifiedAt: Date;
}

/** What both sides have under one name; at least one of them has something. */
export interface Pair<S extends Side, T extends Side> {
  source: S | undefined;
  target: T | undefined;
}

export interface SyncRules {
  delete?: boolean;
  sizeOnly?: boolean;
  exactTimestamps?: boolean;
}

/** Merges two lists that are sorted by name, reading each as it is needed. */
export async function* paired<S extends Side, T extends Side>(
  sources: AsyncIterator<S>,
  targets: AsyncIterator<T>,
): AsyncGenerator<Pair<S, T>> {
  let [source, target] = [await nextOf(sources), await nextOf(targets)];
  while (source || target) {
    const order = !source ? 1 : !target ? -1 : compareKeys(source.name, target.name);
    yield { source: order <= 0 ? source : undefined, target: order >= 0 ? target : undefined };
    if (order <= 0) source = await nextOf(sources);
    if (order >= 0) target = await nextOf(targets);
  }
}

async function nextOf<T>(all: AsyncIterator<T>): Promise<T | undefined> {
  const next = await all.next();
  return next.done ? undefined : next.value;
}

/**
 * What awscli does: what is missing or of another size is carried, and what is newer at the source. Of a download, what is newer at the
 * target, as it was changed there; by exact timestamps, whatever is not of the same second.
 */
export function planOf(
  { source, target }: Pair<Side, Side>,
  rules: SyncRules,
  isDownload: boolean,
): 'carry' | 'delete' | undefined {
  if (!source) return rules.delete ? 'delete' : undefined;
  if (!target || source.sizeBytes !== target.sizeBytes) return 'carry';
  if (rules.sizeOnly) return undefined;
  const newer = source.modifiedAt.getTime() - target.modifiedAt.getTime();
  const isChanged = isDownload
    ? secondsOf(target) > secondsOf(source) ||
      (rules.exactTimestamps === true && secondsOf(target) !== secondsOf(source))
    : newer > 0;
  return isChanged ? 'carry' : undefined;
}

/** HTTP's Last-Modified has whole seconds, lists have milliseconds. */
const secondsOf = ({ modifiedAt }: Side): number => Math.floor(modifiedAt.getTime() / 1_000);
