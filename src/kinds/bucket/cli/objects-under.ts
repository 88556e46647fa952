import { folderKeyOf } from './places.ts';
import type { S3Place } from './places.ts';
import type { S3 } from './sdk.ts';
import type { StoredObject } from './stored.ts';

/** The objects in a folder of a bucket, or in all of it, by key. The empty objects that consoles make to show a folder are left out. */
export async function* objectsUnder(
  s3: S3,
  place: S3Place,
): AsyncGenerator<{ object: StoredObject; /** The key without the folder. */ rest: string }> {
  const prefix = folderKeyOf(place);
  for await (const object of s3.list({ ...place, key: prefix })) {
    if ('prefix' in object || (object.key.endsWith('/') && object.sizeBytes === 0)) continue;
    yield { object, rest: object.key.slice(prefix.length) };
  }
}
