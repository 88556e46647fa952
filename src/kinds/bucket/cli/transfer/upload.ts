import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import pLimit from 'p-limit';
import { Failure } from '../../../../cli/failure.ts';
import type { S3Place } from '../places.ts';
import type { S3 } from '../sdk.ts';
import { S3Refusal } from '../stored.ts';
import type { Description, StoredPart } from '../stored.ts';
import { describeAnew } from './copy.ts';
import { fewAtATime, numbersTo } from './few-at-a-time.ts';
import type { OnJob } from './job.ts';

/** Bytes of a part; a larger file than S3's 10,000 of them has larger parts. A file of one part is put whole. */
const PART = 8 << 20;
const MOST_PARTS = 10_000;
/** Of one file. */
const PARTS_AT_ONCE = 3;
/** What is sent is in memory. So of parts and files that are larger than this, only a few are sent at once, over all files. */
const LARGE = 1 << 20;
const largeOnes = pLimit(8);

/** By this it is seen that a file has changed. */
export type FileState = Pick<Stats, 'size' | 'mtimeMs'>;

/**
 * Puts a file. One that breaks off in the middle of its parts leaves those that were sent: the next upload of this file to this key sends
 * the rest. A file that changes meanwhile is not put. Answers what tells whether it has changed since.
 */
export async function upload(
  s3: S3,
  path: string,
  to: S3Place,
  description: Description,
  told: OnJob,
): Promise<FileState> {
  const file = await open(path, 'r');
  try {
    const stats = await file.stat();
    const source = new Source(file, stats, partSizeOf(stats.size));
    if (source.parts <= 1) await putWhole(s3, source, to, description, told);
    else await putInParts(s3, source, to, description, told);
    return stats;
  } finally {
    await file.close();
  }
}

const partSizeOf = (sizeBytes: number): number => Math.max(1, Math.ceil(sizeBytes / MOST_PARTS / PART)) * PART;

/** A file that is read by parts, numbered from 1. */
class Source {
  readonly parts: number;
  readonly #file: FileHandle;
  readonly #stats: Stats;
  readonly #partBytes: number;

  constructor(file: FileHandle, stats: Stats, partBytes: number) {
    this.#file = file;
    this.#stats = stats;
    this.#partBytes = partBytes;
    this.parts = Math.ceil(stats.size / partBytes);
  }

  sizeOf(number: number): number {
    return Math.min(this.#partBytes, this.#stats.size - (number - 1) * this.#partBytes);
  }

  async read(number: number): Promise<Buffer> {
    const into = Buffer.allocUnsafe(this.sizeOf(number));
    let at = 0;
    while (at < into.length) {
      const { bytesRead } = await this.#file.read(into, at, into.length - at, (number - 1) * this.#partBytes + at);
      if (bytesRead === 0) throw changed();
      at += bytesRead;
    }
    return into;
  }

  async checkUnchanged(): Promise<void> {
    if (!isSame(await this.#file.stat(), this.#stats)) throw changed();
  }
}

export const isSame = (a: FileState, b: FileState): boolean => a.size === b.size && a.mtimeMs === b.mtimeMs;

const changed = () => new Failure('the file changed while it was sent, and was not put: run the command again');

async function putWhole(s3: S3, source: Source, to: S3Place, description: Description, told: OnJob): Promise<void> {
  const put = async () => {
    const bytes = source.parts === 0 ? Buffer.alloc(0) : await source.read(1);
    await source.checkUnchanged();
    await s3.put(to, bytes, description);
    told.moved(bytes.length);
  };
  await (source.parts > 0 && source.sizeOf(1) > LARGE ? largeOnes(put) : put());
}

async function putInParts(s3: S3, source: Source, to: S3Place, description: Description, told: OnJob): Promise<void> {
  const { begun, found } = await lastUpload(s3, to);
  const there = await rightParts(source, found);
  const isResumed = begun !== undefined && there.length > 0;
  if (isResumed) told.note(`resuming: ${there.length} of ${source.parts} parts are there`);
  for (const { sizeBytes } of there) told.moved(sizeBytes);
  const uploadId = isResumed ? begun : await s3.beginUpload(to, description);
  const parts = new Map(there.map((part) => [part.number, part]));
  await fewAtATime(PARTS_AT_ONCE, numbersTo(source.parts), async (number) => {
    if (parts.has(number)) return;
    const part = await largeOnes(async () => s3.putPart(to, uploadId, number, await source.read(number)));
    parts.set(number, part);
    told.moved(part.sizeBytes);
  });
  await source.checkUnchanged();
  await s3.completeUpload(
    to,
    uploadId,
    [...parts.values()].toSorted((a, b) => a.number - b.number),
  );
  // Its description was said when it was begun, by another command perhaps, and an upload does not tell it.
  if (isResumed) await describeAnew(s3, to, description);
}

/** An unfinished upload and its parts. A key that may not list them begins anew. */
async function lastUpload(s3: S3, to: S3Place): Promise<{ begun?: string; found: StoredPart[] }> {
  try {
    const begun = await s3.lastUpload(to);
    return begun === undefined ? { found: [] } : { begun, found: await s3.parts(to, begun) };
  } catch (error) {
    if (error instanceof S3Refusal && ['AccessDenied', 'NoSuchUpload'].includes(error.code)) return { found: [] };
    throw error;
  }
}

/** The parts whose size and MD5 are those of the file now. */
async function rightParts(source: Source, found: readonly StoredPart[]): Promise<StoredPart[]> {
  const right: StoredPart[] = [];
  for (const part of found) {
    const { number, sizeBytes, etag } = part;
    if (number > source.parts || sizeBytes !== source.sizeOf(number)) continue;
    const md5 = createHash('md5')
      .update(await source.read(number))
      .digest('hex');
    if (md5 === etag) right.push(part);
  }
  return right;
}
