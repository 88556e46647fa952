/** Of a stored object: its first byte is 0, and `last` is one of it too. */
export interface ByteRange {
  first: number;
  last: number;
}

export interface StoredBytes {
  id: string;
  size: number;
  storedAt: Date;
}

/** What can be told of stored bytes without reading them. */
export interface BytesLook {
  size: number;
  /** Another one whenever anything about them has changed. */
  version: string;
  /** Why they are not as they were left, beside their size: `its mode is 0644 and not 0600`. */
  wrong?: string;
}

/**
 * Where the bytes of objects are, by ids that are ours: no name that a person chose is ever a path here. What is under an id
 * never changes.
 */
export interface ObjectBytes {
  /**
   * Answers how many there were, once they are durable (I11). When `body` throws, nothing is stored and that is thrown; a
   * full disk is `NoSpaceError`. What was put before under the same id is replaced, whole.
   */
  put(id: string, body: AsyncIterable<Buffer>): Promise<number>;
  /** Throws BytesGoneError when there are none, or fewer than the range asks for. */
  get(id: string, range?: ByteRange): Promise<AsyncIterable<Buffer>>;
  /** `undefined`: there are none. */
  look(id: string): Promise<BytesLook | undefined>;
  /** Those that are gone already count as deleted. */
  delete(ids: readonly string[]): Promise<void>;
  /** Everything that is stored, in no order. */
  list(): AsyncIterable<StoredBytes>;
  /** Removes what puts have left that came to no end, and began before. Answers how many. */
  sweep(before: Date): Promise<number>;
  /** Why nothing can be put or read now; `undefined`: it can. */
  outage(): Promise<string | undefined>;
}

/** Bytes that are there at once. */
export async function* only(chunk: Buffer): AsyncIterable<Buffer> {
  yield chunk;
}

/** The calls that change something. */
export const MUTATING_BYTES: ReadonlySet<string> = new Set<keyof ObjectBytes>(['put', 'delete', 'sweep']);

/** There are no such bytes, or not all of them. */
export class BytesGoneError extends Error {
  override readonly name = 'BytesGoneError';
}

/** Nothing more fits. What is there stays as it is. */
export class NoSpaceError extends Error {
  override readonly name = 'NoSpaceError';
}
