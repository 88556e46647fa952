import { createHash } from 'node:crypto';
import { keyOf, refOf } from '../../../src/api/metadata.ts';
import type { Resource } from '../../../src/api/metadata.ts';
import type { Change } from '../../../src/store/store.ts';

/** What the processes of the feed's test are told and what they tell: writers commit, watchers watch, the test judges. */
export interface WriterOrders {
  url: string;
  seed: number;
  writer: number;
  /** Commits that are to be acknowledged; those that are refused come on top. */
  writes: number;
  /** This one also compacts, as the leading daemon does, and keeps so many changes. */
  keep?: number;
}

export interface WatcherOrders {
  url: string;
  seed: number;
  watchers: number;
}

export type WriterTold =
  | { is: 'ready' }
  | { is: 'done'; written: readonly Written[]; counted: number; rolledBack: number; compacted: number };

/** An acknowledged commit: its revision, and what a watcher must be told about it. */
export type Written = readonly [revision: number, line: string];

export type WatcherTold = { is: 'ready' } | { is: 'done'; watchers: readonly Watched[] };

export interface Watched {
  /** One for each list: what came after it, up to the next list or the end. */
  segments: readonly Segment[];
  /** Times that it left and came again at the last revision that it had seen. */
  resumes: number;
  /** Of what the segments and their lists made of the world. */
  picture: string;
  /** What cannot be, in words. */
  faults: readonly string[];
}

export interface Segment {
  /** Exclusive. */
  from: number;
  to: number;
  count: number;
  /** Of the lines, in the order in which they came. */
  hash: string;
}

export const lineOf = ({ revision, type, object }: Change): string =>
  `${revision} ${type} ${keyOf(refOf(object))} ${object.metadata.uid} ${String((object.spec as { mark?: unknown }).mark)}`;

export const hashOf = (lines: Iterable<string>): string => {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest('hex');
};

/** What there is, each document with the revision and content of its last change. */
export class Picture {
  readonly #lines = new Map<string, string>();

  list(resources: Iterable<Resource>): void {
    this.#lines.clear();
    for (const resource of resources) this.#lines.set(keyOf(refOf(resource)), contentOf(resource));
  }

  apply(change: Change): void {
    if (change.type === 'DELETED') this.#lines.delete(keyOf(refOf(change.object)));
    else this.#lines.set(keyOf(refOf(change.object)), contentOf(change.object));
  }

  hash(): string {
    return hashOf([...this.#lines.entries()].map(([key, content]) => `${key} ${content}`).sort());
  }
}

const contentOf = (resource: Resource): string =>
  `${resource.metadata.resourceVersion} ${resource.metadata.uid} ${String((resource.spec as { mark?: unknown }).mark)}`;

export const document = (name: string, mark: string | number, uid: string): Resource => ({
  apiVersion: 'miniaws.dev/v1',
  kind: 'VPC',
  metadata: {
    name,
    namespace: 'default',
    uid,
    resourceVersion: '0',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { cidrBlock: '10.0.0.0/24', gateway: '10.0.0.1', internetGateway: true, mark },
});

export const refTo = (name: string) => ({ kind: 'VPC', namespace: 'default', name });
