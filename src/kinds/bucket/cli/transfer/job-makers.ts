import { mkdir, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import mime from 'mime-types';
import { Failure } from '../../../../cli/failure.ts';
import { checkInside, makeFoldersFor, pathIn } from '../local-target.ts';
import type { LocalFile } from '../local-tree.ts';
import type { FilePlace, S3Place } from '../places.ts';
import type { S3 } from '../sdk.ts';
import { CHANGED, S3Refusal } from '../stored.ts';
import type { Description, StoredObject } from '../stored.ts';
import { copy } from './copy.ts';
import { download } from './download.ts';
import type { Job } from './job.ts';
import { isSame, upload } from './upload.ts';

/** What the jobs of a command have in common. */
export interface Carrying {
  s3: S3;
  description: Description;
  /** The source is removed afterwards. */
  isMove: boolean;
}

export const uploadJob = (
  { s3, description, isMove }: Carrying,
  { path, sizeBytes }: Pick<LocalFile, 'path' | 'sizeBytes'>,
  to: S3Place,
): Job => ({
  does: isMove ? 'move' : 'upload',
  from: { at: 'file', path },
  to,
  sizeBytes,
  async run(told) {
    const contentType = description.contentType ?? (mime.lookup(path) || undefined);
    const sent = await upload(s3, path, to, { ...description, contentType }, told);
    if (!isMove) return;
    if (!isSame(await stat(path), sent))
      throw new Failure('the file changed after it was sent, and stays: run the command again');
    await unlink(path);
  },
});

/** To a path that a person wrote, or into a folder under the rest of the object's key, which may be anything. */
export const downloadJob = (
  { s3, isMove }: Carrying,
  from: S3Place,
  object: StoredObject,
  to: FilePlace | { folder: string; rest: string },
): Job => ({
  does: isMove ? 'move' : 'download',
  from,
  to: 'folder' in to ? { at: 'file', path: `${to.folder}/${to.rest}` } : to,
  sizeBytes: object.sizeBytes,
  async run(told) {
    let path: string;
    if ('folder' in to) {
      path = pathIn(to.folder, to.rest);
      await makeFoldersFor(to.folder, path);
    } else {
      ({ path } = to);
      await mkdir(dirname(path), { recursive: true });
    }
    await download(s3, from, path, told, object);
    if (isMove) await removeMoved(s3, from, object);
  },
});

export const copyJob = (
  { s3, description, isMove }: Carrying,
  from: S3Place,
  object: StoredObject,
  to: S3Place,
): Job => ({
  does: isMove ? 'move' : 'copy',
  from,
  to,
  sizeBytes: object.sizeBytes,
  async run(told) {
    await copy(s3, { ...from, sizeBytes: object.sizeBytes }, to, description, told);
    if (isMove) await removeMoved(s3, from, object);
  },
});

export const deleteObjectJob = (s3: S3, from: S3Place, versionId?: string): Job => ({
  does: 'delete',
  from,
  sizeBytes: 0,
  run: () => s3.delete(from, versionId === undefined ? {} : { versionId }),
});

export const deleteFileJob = (folder: string, path: string): Job => ({
  does: 'delete',
  from: { at: 'file', path },
  sizeBytes: 0,
  async run() {
    await checkInside(folder, path);
    await unlink(path);
  },
});

async function removeMoved(s3: S3, from: S3Place, { etag }: StoredObject): Promise<void> {
  await s3.delete(from, { etag }).catch((error: unknown) => {
    if (error instanceof S3Refusal && error.code === CHANGED)
      throw new Failure('the object changed after it was carried, and stays: run the command again');
    throw error;
  });
}
