import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { BytesGoneError, only } from './bytes.ts';
import type { ByteRange, BytesLook, ObjectBytes, StoredBytes } from './bytes.ts';

/** Bytes in memory: for worlds that are not real. */
export class MemoryBytes implements ObjectBytes {
  /** What is there, for those who tamper with it. */
  readonly stored = new Map<string, { bytes: Buffer; at: Date; wrong?: string }>();
  /** While set, why nothing can be put or read. */
  failure: string | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async put(id: string, body: AsyncIterable<Buffer>): Promise<number> {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    this.#check();
    const bytes = Buffer.concat(chunks);
    this.stored.set(id, { bytes, at: this.#clock.now() });
    return bytes.length;
  }

  async get(id: string, range?: ByteRange): Promise<AsyncIterable<Buffer>> {
    this.#check();
    const bytes = this.stored.get(id)?.bytes;
    if (!bytes || (range && range.last >= bytes.length)) throw new BytesGoneError(`the bytes of ${id} are gone`);
    return only(range ? bytes.subarray(range.first, range.last + 1) : bytes);
  }

  async look(id: string): Promise<BytesLook | undefined> {
    this.#check();
    const found = this.stored.get(id);
    if (!found) return undefined;
    const { bytes, wrong } = found;
    const version = `${createHash('md5').update(bytes).digest('hex')} ${wrong ?? ''}`;
    return { size: bytes.length, version, ...(wrong !== undefined && { wrong }) };
  }

  async delete(ids: readonly string[]): Promise<void> {
    this.#check();
    for (const id of ids) this.stored.delete(id);
  }

  async *list(): AsyncIterable<StoredBytes> {
    for (const [id, { bytes, at }] of this.stored) yield { id, size: bytes.length, storedAt: at };
  }

  async sweep(): Promise<number> {
    return 0;
  }

  async outage(): Promise<string | undefined> {
    return this.failure;
  }

  #check(): void {
    if (this.failure !== undefined) throw new Error(this.failure);
  }
}
