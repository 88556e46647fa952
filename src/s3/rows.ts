import type { BucketDraft } from './bucket-draft.ts';
import type { BucketId, BucketUse, ObjectPart, ObjectRow, Upload } from './row.ts';

export interface UploadsQuery {
  prefix: string;
  /** Those of later keys; of this key, those after `afterId`. */
  afterKey: string;
  afterId: string;
  most: number;
}

/** Which rows a decision looks at: the current one of a key, and one of its versions. */
export interface Wanted {
  key: string;
  versionId?: string;
  /** An upload that the decision ends. */
  uploadId?: string;
}

/** Which keys, or common prefixes, of a bucket. All texts are compared by their bytes in UTF-8. */
export interface PageQuery {
  prefix: string;
  /** Keys that have this after the prefix are told together, by their beginning up to it. */
  delimiter: string;
  /** Those after this one. */
  after: string;
  most: number;
}

export interface VersionsQuery {
  /** The first key that may be of it. */
  from: string;
  /** The first that is not of it any more; null: it has no end. */
  until: string | null;
  /** Of the key `from`: only what came before this one. */
  before?: number;
  most: number;
}

export type PageItem = { prefix: string } | { row: ObjectRow };

export interface ObjectPage {
  items: readonly PageItem[];
  /** There is more after them. */
  isTruncated: boolean;
}

/** The rows of objects. A bucket's own writes come one after the other; many of them share one transaction. */
export interface ObjectRows {
  /**
   * Runs `decide` over the rows that are wanted, while nobody else writes to the bucket, and commits what it has changed. What it throws
   * changes nothing and is thrown. It may run more than once. Throws BucketGoneError.
   */
  change<T>(bucket: BucketId, wanted: readonly Wanted[], decide: (now: BucketDraft) => T): Promise<T>;
  /** The current one, or that version. */
  find(bucket: string, key: string, versionId?: string): Promise<ObjectRow | undefined>;
  /** Of these ids, those of current rows. */
  latest(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Current ones that are no delete markers. */
  page(bucket: string, query: PageQuery): Promise<ObjectPage>;
  /** Versions and delete markers, by key, the newest of each first; those of the first key from the one after this sequence on. */
  versions(bucket: string, query: VersionsQuery): Promise<readonly ObjectRow[]>;
  /** Of these buckets, by uid; of one that nothing was ever put into nothing. */
  uses(uids: readonly string[]): Promise<ReadonlyMap<string, BucketUse>>;
  /** Any rows of the bucket, delete markers too; or those that nothing keeps then, but GOVERNANCE. */
  some(bucket: string, most: number, unlockedAt?: Date): Promise<readonly ObjectRow[]>;
  readonly uploads: UploadRows;
  readonly damage: DamageRows;
  /** Ends the bucket, with the uploads to it, where no row of it is left: nothing is put into it any more. Answers whether it has. */
  close(bucket: BucketId): Promise<boolean>;
  /** Ids of rows and parts that went before then, whose bytes may still be there. */
  removed(before: Date, most: number): Promise<readonly string[]>;
  /** Forgets rows that went: their bytes are gone. */
  forget(ids: readonly string[]): Promise<void>;
  /** Of these ids, those that a row has, gone or not. */
  known(ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** Uploads are begun and ended by decisions over their bucket; the rest of them is here. */
export interface UploadRows {
  find(id: string): Promise<Upload | undefined>;
  /** By key, and by when they were begun. */
  list(bucket: string, query: UploadsQuery): Promise<readonly Upload[]>;
  /** In place of the one that has this number. Answers whether the upload is still there. */
  putPart(uploadId: string, part: ObjectPart): Promise<boolean>;
  /** Of an upload or an object, by number. */
  parts(id: string, afterNumber?: number, most?: number): Promise<readonly ObjectPart[]>;
}

/** An object whose bytes are gone, or not what was put there. */
export interface Damage {
  id: string;
  key: string;
  versionId: string;
  what: string;
  foundAt: Date;
}

export interface DamageRows {
  /** Answers whether it was not known yet. */
  note(row: ObjectRow, what: string, foundAt: Date): Promise<boolean>;
  /** They are as they were put. */
  clear(ids: readonly string[]): Promise<void>;
  /** How many objects of each bucket; of one that has none nothing. */
  counts(): Promise<ReadonlyMap<string, number>>;
  /** Of a bucket: how many objects, and the first of them by key. Those that went are none. */
  of(bucket: string, most: number): Promise<{ count: number; first: readonly Damage[] }>;
}

/** There is no such bucket, or it is being deleted. */
export class BucketGoneError extends Error {
  override readonly name = 'BucketGoneError';
}
