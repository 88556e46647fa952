import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat, utimes } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '../../../../base/errors.ts';
import { Failure } from '../../../../cli/failure.ts';
import { partFileOf } from '../local-target.ts';
import type { S3Place } from '../places.ts';
import type { S3 } from '../sdk.ts';
import { CHANGED, S3Refusal } from '../stored.ts';
import type { StoredObject } from '../stored.ts';
import type { OnJob } from './job.ts';

/** How often a broken connection is replaced before bytes have come again. */
const TRIES = 3;

/**
 * Brings an object into a file, whole or not at all: it is written beside, and renamed. What was brought before a break stays there, and
 * the next download of the same object goes on after it. The file's time is the object's.
 */
export async function download(s3: S3, from: S3Place, path: string, told: OnJob, listed?: StoredObject): Promise<void> {
  const object = listed ?? (await s3.head(from));
  const beside = partFileOf(path, object.etag);
  const there = await sizeOf(beside);
  const isResumed = there > 0 && there <= object.sizeBytes;
  if (isResumed) {
    told.note(`resuming: ${there} of ${object.sizeBytes} bytes are there`);
    told.moved(there);
  } else await rm(beside, { force: true });
  await bring(s3, from, object, beside, told);
  if (isResumed && !(await isRight(s3, from, object, beside))) {
    told.note('what was there of it was not what it is now: it is downloaded anew');
    await rm(beside, { force: true });
    await bring(s3, from, object, beside, told);
  }
  await utimes(beside, object.modifiedAt, object.modifiedAt);
  await rename(beside, path).catch(async (error: unknown) => {
    await rm(beside, { force: true });
    throw codeOf(error) === 'EISDIR' ? new Failure(`${path} is a folder here`) : error;
  });
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Appends the bytes that the file lacks. When a connection breaks, another one brings the rest. */
async function bring(s3: S3, from: S3Place, object: StoredObject, into: string, told: OnJob): Promise<void> {
  const file = await open(into, 'a');
  try {
    let { size: at } = await file.stat();
    for (let tries = 0; at < object.sizeBytes; tries++) {
      const before = at;
      try {
        const { body } = await s3.get(from, { from: at, etag: object.etag });
        await pipeline(body, async (chunks: AsyncIterable<Buffer>) => {
          for await (const chunk of chunks) {
            await file.writeFile(chunk);
            at += chunk.length;
            told.moved(chunk.length);
          }
        });
      } catch (error) {
        if (error instanceof S3Refusal && error.code === CHANGED)
          throw new Failure('the object changed while it was downloaded: run the command again');
        if (!isBroken(error) || tries >= TRIES) throw error;
      }
      if (at > before) tries = 0;
      if (at > object.sizeBytes) throw new Failure(`${at} bytes came, and it has ${object.sizeBytes}`);
    }
  } finally {
    await file.close();
  }
}

/** Whether the connection broke while the body came. */
const isBroken = (error: unknown): boolean =>
  ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'EPIPE'].includes(codeOf(error) ?? '');

/** Whether the file has the object's bytes, as far as its ETag tells: MD5, or the MD5 of the parts' MD5s. */
async function isRight(s3: S3, from: S3Place, object: StoredObject, path: string): Promise<boolean> {
  const [, parts] = /^[0-9a-f]{32}-(\d+)$/.exec(object.etag) ?? [];
  if (parts === undefined) return !/^[0-9a-f]{32}$/.test(object.etag) || (await md5sOf(path))[0] === object.etag;
  const { sizeBytes } = await s3.head(from, 1);
  const md5s = await md5sOf(path, sizeBytes);
  // The ETag can be compared when all parts but the last have one size, as nearly all clients make them.
  if (md5s.length !== Number(parts)) return true;
  const whole = createHash('md5')
    .update(Buffer.from(md5s.join(''), 'hex'))
    .digest('hex');
  return `${whole}-${parts}` === object.etag;
}

/** The MD5 of each part of the file, in hexadecimal. */
async function md5sOf(path: string, partBytes = Infinity): Promise<string[]> {
  const md5s: string[] = [];
  let hash = createHash('md5');
  let room = partBytes;
  for await (let chunk of createReadStream(path) as AsyncIterable<Buffer>)
    while (chunk.length > 0) {
      if (room === 0) {
        md5s.push(hash.digest('hex'));
        [hash, room] = [createHash('md5'), partBytes];
      }
      const piece = chunk.subarray(0, room);
      hash.update(piece);
      room -= piece.length;
      chunk = chunk.subarray(piece.length);
    }
  return [...md5s, hash.digest('hex')];
}
