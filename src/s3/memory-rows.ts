import { BucketDraft } from './bucket-draft.ts';
import { BucketQueue } from './bucket-queue.ts';
import type { Decision } from './bucket-queue.ts';
import { compareKeys } from '../base/compare-keys.ts';
import { commonPrefixOf, rangeOf } from './keys.ts';
import { isUnlocked } from './retention.ts';
import type { BucketId, BucketUse, ObjectPart, ObjectRow, Upload } from './row.ts';
import type {
  ObjectPage,
  ObjectRows,
  PageItem,
  PageQuery,
  DamageRows,
  UploadRows,
  VersionsQuery,
  Wanted,
} from './rows.ts';

/** The same in memory. Which buckets there are it does not know: whoever asks has looked. */
export class MemoryRows implements ObjectRows {
  readonly #rows = new Map<string, ObjectRow>();
  readonly #removed = new Map<string, Date>();
  readonly #buckets = new Map<string, { use: BucketUse; sequence: number }>();
  readonly #uploads = new Map<string, Upload>();
  /** By the upload's id, which is the object's. */
  readonly #parts = new Map<string, ObjectPart[]>();
  readonly #damage = new Map<string, { what: string; foundAt: Date }>();
  readonly #queues = new Map<string, BucketQueue>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  change<T>(bucket: BucketId, wanted: readonly Wanted[], decide: (now: BucketDraft) => T): Promise<T> {
    const queue = this.#queues.get(bucket.uid) ?? new BucketQueue(async (group) => this.#commit(bucket, group));
    this.#queues.set(bucket.uid, queue);
    return queue.run(wanted, decide);
  }

  async find(bucket: string, key: string, versionId?: string): Promise<ObjectRow | undefined> {
    return this.#of(bucket).find(
      (row) => row.key === key && (versionId === undefined ? row.isLatest : row.versionId === versionId),
    );
  }

  async latest(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(ids.filter((id) => this.#rows.get(id)?.isLatest));
  }

  async page(bucket: string, { prefix, delimiter, after, most }: PageQuery): Promise<ObjectPage> {
    const { from, until } = rangeOf(prefix, delimiter, after);
    const items: PageItem[] = [];
    let told: string | undefined;
    for (const row of this.#of(bucket)) {
      if (!row.isLatest || row.isDeleteMarker || compareKeys(row.key, from) < 0) continue;
      if (until !== null && compareKeys(row.key, until) >= 0) continue;
      const common = commonPrefixOf(row.key, prefix, delimiter);
      if (common !== undefined && common === told) continue;
      told = common;
      if (items.length === most) return { items, isTruncated: true };
      items.push(common === undefined ? { row } : { prefix: common });
    }
    return { items, isTruncated: false };
  }

  async versions(bucket: string, { from, until, before, most }: VersionsQuery): Promise<readonly ObjectRow[]> {
    return this.#of(bucket)
      .filter(({ key }) => compareKeys(key, from) >= 0 && (until === null || compareKeys(key, until) < 0))
      .filter((row) => before === undefined || row.key !== from || row.sequence < before)
      .toSorted((a, b) => compareKeys(a.key, b.key) || b.sequence - a.sequence)
      .slice(0, most);
  }

  async uses(uids: readonly string[]): Promise<ReadonlyMap<string, BucketUse>> {
    return new Map(
      uids.flatMap((uid) => {
        const found = this.#buckets.get(uid);
        return found ? [[uid, found.use] as const] : [];
      }),
    );
  }

  readonly uploads: UploadRows = {
    find: async (id) => this.#uploads.get(id),
    list: async (bucket, { prefix, afterKey, afterId, most }) =>
      [...this.#uploads.values()]
        .filter((upload) => upload.bucket === bucket && upload.key.startsWith(prefix))
        .filter(({ key, id }) => compareKeys(key, afterKey) > 0 || (key === afterKey && afterId !== '' && id > afterId))
        .toSorted((a, b) => compareKeys(a.key, b.key) || (a.id < b.id ? -1 : 1))
        .slice(0, most),
    putPart: async (uploadId, part) => {
      if (!this.#uploads.has(uploadId)) return false;
      const others = (this.#parts.get(uploadId) ?? []).filter(({ number }) => number !== part.number);
      this.#removeParts(
        uploadId,
        others.map(({ id }) => id),
      );
      this.#parts.set(
        uploadId,
        [...others, part].toSorted((a, b) => a.number - b.number),
      );
      return true;
    },
    parts: async (id, afterNumber = 0, most = Infinity) =>
      (this.#parts.get(id) ?? []).filter(({ number }) => number > afterNumber).slice(0, most),
  };

  readonly damage: DamageRows = {
    note: async ({ id }, what, foundAt) => {
      if (this.#damage.has(id)) return false;
      this.#damage.set(id, { what, foundAt });
      return true;
    },
    clear: async (ids) => {
      for (const id of ids) this.#damage.delete(id);
    },
    counts: async () => {
      const counts = new Map<string, number>();
      for (const id of this.#damage.keys()) {
        const bucket = this.#rows.get(id)?.bucket;
        if (bucket !== undefined) counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
      }
      return counts;
    },
    of: async (bucket, most) => {
      const all = this.#of(bucket).flatMap(({ id, key, versionId }) => {
        const found = this.#damage.get(id);
        return found ? [{ id, key, versionId, ...found }] : [];
      });
      return { count: all.length, first: all.slice(0, most) };
    },
  };

  async some(bucket: string, most: number, unlockedAt?: Date): Promise<readonly ObjectRow[]> {
    const all = this.#of(bucket);
    const release = unlockedAt && { now: unlockedAt, bypassGovernance: true };
    return (release ? all.filter((row) => isUnlocked(row, release)) : all).slice(0, most);
  }

  async close({ uid, name }: BucketId): Promise<boolean> {
    if (this.#of(name).length > 0) return false;
    this.#buckets.delete(uid);
    for (const { id, bucket } of this.#uploads.values()) {
      if (bucket !== name) continue;
      this.#uploads.delete(id);
      this.#removeParts(id, []);
    }
    return true;
  }

  async removed(before: Date, most: number): Promise<readonly string[]> {
    return [...this.#removed].flatMap(([id, at]) => (at < before ? [id] : [])).slice(0, most);
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#removed.delete(id);
  }

  async known(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const parts = new Set([...this.#parts.values()].flat().map(({ id }) => id));
    return new Set(ids.filter((id) => this.#rows.has(id) || this.#removed.has(id) || parts.has(id)));
  }

  #commit({ uid, name }: BucketId, group: readonly Decision[]): void {
    const { use, sequence } = this.#buckets.get(uid) ?? { use: { objects: 0, bytes: 0 }, sequence: 0 };
    const draft = new BucketDraft(name, use, sequence, this.#of(name), this.#uploads.keys());
    for (const { decide } of group) decide(draft);
    const { added, amended, removed, begun, ended, ...now } = draft.change();
    for (const upload of begun) this.#uploads.set(upload.id, upload);
    for (const { uploadId, parts } of ended) {
      this.#uploads.delete(uploadId);
      this.#removeParts(uploadId, parts);
    }
    for (const row of [...added, ...amended]) this.#rows.set(row.id, row);
    for (const { id } of removed) {
      this.#rows.delete(id);
      this.#removed.set(id, this.#now());
      this.#removeParts(id, []);
    }
    this.#buckets.set(uid, now);
  }

  /** All of them but these. */
  #removeParts(objectId: string, kept: readonly string[]): void {
    const parts = this.#parts.get(objectId) ?? [];
    for (const { id } of parts) if (!kept.includes(id)) this.#removed.set(id, this.#now());
    this.#parts.set(
      objectId,
      parts.filter(({ id }) => kept.includes(id)),
    );
  }

  /** By key, and by when they came. */
  #of(bucket: string): ObjectRow[] {
    return [...this.#rows.values()]
      .filter((row) => row.bucket === bucket)
      .toSorted((a, b) => compareKeys(a.key, b.key) || a.sequence - b.sequence);
  }
}
