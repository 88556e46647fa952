import { checkUnlocked } from './retention.ts';
import type { Release } from './retention.ts';
import type { BucketUse, ObjectRow, ObjectStanding, Upload } from './row.ts';

/** A row as it comes; where it stands in its bucket follows from what is there. */
export type NewRow = Omit<ObjectRow, 'bucket' | 'sequence' | 'isLatest'>;

/** What may change of a row that is there. */
export type Amendment = Partial<Pick<ObjectRow, 'tags' | 'isLatest' | keyof ObjectStanding>>;

/** What decisions have made of a bucket. */
export interface BucketChange {
  added: readonly ObjectRow[];
  amended: readonly ObjectRow[];
  /** They stay as rows until their bytes are gone. */
  removed: readonly ObjectRow[];
  begun: readonly Upload[];
  /** Uploads that have come to an end, and the parts of them that stay. */
  ended: readonly { uploadId: string; parts: readonly string[] }[];
  use: BucketUse;
  sequence: number;
}

/** A bucket while it is written to: the wanted rows as they are, and with what the decisions before have done. */
export class BucketDraft {
  readonly #name: string;
  readonly #rows: Map<string, ObjectRow>;
  readonly #before: ReadonlyMap<string, ObjectRow>;
  readonly #removed = new Map<string, ObjectRow>();
  readonly #uploads: Set<string>;
  readonly #begun = new Map<string, Upload>();
  readonly #ended = new Map<string, readonly string[]>();
  #use: BucketUse;
  #sequence: number;

  /** `uploads`: those of the wanted ones that are there. */
  constructor(name: string, use: BucketUse, sequence: number, rows: readonly ObjectRow[], uploads: Iterable<string>) {
    this.#name = name;
    this.#use = use;
    this.#sequence = sequence;
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.#before = new Map(this.#rows);
    this.#uploads = new Set(uploads);
  }

  get use(): BucketUse {
    return this.#use;
  }

  current(key: string): ObjectRow | undefined {
    return this.#of(key).find(({ isLatest }) => isLatest);
  }

  version(key: string, versionId: string): ObjectRow | undefined {
    return this.#of(key).find((row) => row.versionId === versionId);
  }

  /** It is the current one from now on. */
  add(row: NewRow): ObjectRow {
    const current = this.current(row.key);
    if (current) this.amend(current, { isLatest: false });
    this.#sequence += 1;
    const added = { ...row, bucket: this.#name, sequence: this.#sequence, isLatest: true };
    this.#rows.set(added.id, added);
    this.#count(added, 1);
    return added;
  }

  /** Where it was the current one, the newest before it is. Throws ObjectLockedError. */
  remove(row: ObjectRow, release: Release): void {
    checkUnlocked(row, release);
    this.#rows.delete(row.id);
    this.#removed.set(row.id, row);
    this.#count(row, -1);
    if (!row.isLatest) return;
    const [next] = this.#of(row.key).toSorted((a, b) => b.sequence - a.sequence);
    if (next) this.amend(next, { isLatest: true });
  }

  amend(row: ObjectRow, change: Amendment): void {
    this.#rows.set(row.id, { ...row, ...change });
  }

  beginUpload(upload: Upload): void {
    this.#begun.set(upload.id, upload);
  }

  /** Whether it was there until now. Parts of it that do not stay go. */
  endUpload(uploadId: string, parts: readonly string[]): boolean {
    if (!this.#uploads.delete(uploadId)) return false;
    this.#ended.set(uploadId, parts);
    return true;
  }

  /** What a decision that throws has done is taken back. */
  attempt<T>(decide: (now: BucketDraft) => T): T {
    const [use, sequence] = [this.#use, this.#sequence];
    const [rows, removed, ended] = [new Map(this.#rows), new Map(this.#removed), new Map(this.#ended)];
    const [uploads, begun] = [[...this.#uploads], new Map(this.#begun)];
    try {
      return decide(this);
    } catch (error) {
      restore(this.#rows, rows);
      restore(this.#removed, removed);
      restore(this.#ended, ended);
      restore(this.#begun, begun);
      for (const upload of uploads) this.#uploads.add(upload);
      this.#use = use;
      this.#sequence = sequence;
      throw error;
    }
  }

  change(): BucketChange {
    const rows = [...this.#rows.values()];
    const gone = [...this.#removed.values()];
    return {
      // One that came and went at once has bytes, too.
      added: [...rows, ...gone].filter(({ id }) => !this.#before.has(id)),
      amended: rows.filter((row) => this.#before.has(row.id) && this.#before.get(row.id) !== row),
      removed: gone,
      begun: [...this.#begun.values()],
      ended: [...this.#ended].map(([uploadId, parts]) => ({ uploadId, parts })),
      use: this.#use,
      sequence: this.#sequence,
    };
  }

  #of(key: string): ObjectRow[] {
    return [...this.#rows.values()].filter((row) => row.key === key);
  }

  #count({ isDeleteMarker, sizeBytes }: ObjectRow, sign: 1 | -1): void {
    if (isDeleteMarker) return;
    this.#use = { objects: this.#use.objects + sign, bytes: this.#use.bytes + sign * sizeBytes };
  }
}

function restore<K, V>(map: Map<K, V>, before: ReadonlyMap<K, V>): void {
  map.clear();
  for (const [key, value] of before) map.set(key, value);
}
