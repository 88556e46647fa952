import { definedOnly } from '../../../../base/defined.ts';
import { sameJson } from '../../../../base/hash.ts';
import type { S3Place } from '../places.ts';
import type { S3 } from '../sdk.ts';
import type { Description, DescribedObject, StoredObject, StoredPart } from '../stored.ts';
import { fewAtATime, numbersTo } from './few-at-a-time.ts';
import type { OnJob } from './job.ts';

/** The limit of S3's CopyObject, in bytes. */
const LARGEST = 5 * 2 ** 30;
const PART = 512 << 20;
const PARTS_AT_ONCE = 3;

/** Copies an object inside S3. What the description leaves out is taken from the source. */
export async function copy(
  s3: S3,
  from: S3Place & Pick<StoredObject, 'sizeBytes'>,
  to: S3Place,
  description: Description,
  told: OnJob,
): Promise<void> {
  const isDescribed = Object.values(description).some((value) => value !== undefined);
  const wanted = isDescribed || from.sizeBytes > LARGEST ? merged(await s3.head(from), description) : undefined;
  if (wanted && wanted.sizeBytes > LARGEST) return copyInParts(s3, from, to, wanted, told);
  await s3.copy(from, to, wanted?.description);
  told.moved(from.sizeBytes);
}

/** Replaces the object's description where it is another one. */
export async function describeAnew(s3: S3, place: S3Place, description: Description): Promise<void> {
  const found = await s3.head(place);
  const wanted = { ...found, description: { ...description, metadata: description.metadata ?? {} } };
  if (same(found.description, wanted.description)) return;
  const unheard: OnJob = { moved: () => undefined, note: () => undefined };
  if (found.sizeBytes > LARGEST) await copyInParts(s3, place, place, wanted, unheard);
  else await s3.copy(place, place, wanted.description);
}

const merged = (found: DescribedObject, given: Description): DescribedObject => ({
  ...found,
  description: { ...found.description, ...definedOnly(given) },
});

const same = (a: Description, b: Description): boolean =>
  sameJson({ ...a, metadata: a.metadata ?? {} }, { ...b, metadata: b.metadata ?? {} });

async function copyInParts(
  s3: S3,
  from: S3Place,
  to: S3Place,
  { sizeBytes, etag, description }: DescribedObject,
  told: OnJob,
): Promise<void> {
  const uploadId = await s3.beginUpload(to, description);
  try {
    const parts: StoredPart[] = [];
    await fewAtATime(PARTS_AT_ONCE, numbersTo(Math.ceil(sizeBytes / PART)), async (number) => {
      const [first, last] = [(number - 1) * PART, Math.min(number * PART, sizeBytes) - 1];
      const part = await s3.copyPart({ ...from, etag }, to, { uploadId, number, first, last });
      parts.push(part);
      told.moved(part.sizeBytes);
    });
    await s3.completeUpload(
      to,
      uploadId,
      parts.toSorted((a, b) => a.number - b.number),
    );
  } catch (error) {
    await s3.abortUpload(to, uploadId).catch(() => undefined);
    throw error;
  }
}
