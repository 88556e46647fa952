import { basename, join } from 'node:path';
import { Failure } from '../../../cli/failure.ts';
import { printable } from '../../../cli/io.ts';

/** An object, or a prefix of keys; with an empty key, the whole bucket. */
export interface S3Place {
  at: 's3';
  bucket: string;
  key: string;
}

export interface FilePlace {
  at: 'file';
  path: string;
}

/** An operand of a command: `s3://bucket/key`, a path, or `-` for the standard input or output. */
export type Place = S3Place | FilePlace | { at: 'stream' };

const SCHEME = 's3://';

export function placeOf(text: string): Place {
  if (text === '-') return { at: 'stream' };
  if (!text.startsWith(SCHEME)) return { at: 'file', path: text };
  const [bucket = '', ...key] = text.slice(SCHEME.length).split('/');
  if (bucket === '') throw new Failure(`${text} names no bucket: expected ${SCHEME}BUCKET/KEY`);
  return { at: 's3', bucket, key: key.join('/') };
}

/** For operands that are always in S3: `s3://` may be left out. */
export function s3PlaceOf(text: string): S3Place {
  const place = placeOf(text.startsWith(SCHEME) ? text : `${SCHEME}${text}`);
  if (place.at !== 's3') throw new Failure(`expected ${SCHEME}BUCKET/KEY, found ${text}`);
  return place;
}

/** For operands that are always a bucket. */
export function bucketOf(text: string): string {
  const { bucket, key } = s3PlaceOf(text);
  if (key !== '') throw new Failure(`expected a bucket such as ${SCHEME}${bucket}, found ${text}`);
  return bucket;
}

/** As awscli prints it. */
export function told(place: Place): string {
  if (place.at === 'stream') return '-';
  if (place.at === 's3') return printable(`${SCHEME}${place.bucket}/${place.key}`);
  const path = join(place.path);
  return printable(path.includes('/') ? path : `./${path}`);
}

export const lastNameOf = (place: S3Place | FilePlace): string =>
  place.at === 'file' ? basename(place.path) : place.key.slice(place.key.lastIndexOf('/') + 1);

/** What is called so in the folder. */
export const keyIn = (folder: S3Place, name: string): S3Place => ({ ...folder, key: `${folderKeyOf(folder)}${name}` });

/** The prefix of all keys in the folder: `pictures/` of `pictures`, and nothing of a whole bucket. */
export const folderKeyOf = ({ key }: S3Place): string => (key === '' || key.endsWith('/') ? key : `${key}/`);
