import type { Objects } from '../objects.ts';
import { S3Error } from '../wire/errors.ts';
import { versionHeaders, xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { givenKey } from './encryption.ts';
import { checkRead } from './conditions.ts';
import { found, isVersioned } from './found.ts';
import type { S3Request } from './request.ts';

const ATTRIBUTES = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];
const MOST_PARTS = 1_000;

/** What is asked for of an object, without its bytes. */
export async function getAttributes(request: S3Request, objects: Objects): Promise<Answer> {
  const asked = (request.header('x-amz-object-attributes') ?? '').split(',').map((name) => name.trim());
  const unknown = asked.find((name) => !ATTRIBUTES.includes(name));
  if (unknown !== undefined)
    throw new S3Error('InvalidArgument', {
      message: 'Invalid attribute name specified.',
      extra: { ArgumentName: 'x-amz-object-attributes', ArgumentValue: unknown },
    });
  const row = await found(request, objects);
  objects.rootOf(row, givenKey(request));
  checkRead(request.headers, row);
  const { checksum } = row;
  const has = (name: string) => asked.includes(name);
  const value = {
    ETag: has('ETag') ? row.etag : undefined,
    Checksum:
      has('Checksum') && checksum
        ? { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type }
        : undefined,
    ObjectParts: has('ObjectParts') && row.partCount > 0 ? await partsOf(request, objects, row) : undefined,
    StorageClass: has('StorageClass') ? 'STANDARD' : undefined,
    ObjectSize: has('ObjectSize') ? row.sizeBytes : undefined,
  };
  const headers = { 'last-modified': row.createdAt.toUTCString(), ...versionHeaders(row, isVersioned(request)) };
  return xml('GetObjectAttributesResponse', value, headers);
}

async function partsOf(request: S3Request, objects: Objects, row: Awaited<ReturnType<typeof found>>) {
  const most = numberOf(request.header('x-amz-max-parts'), MOST_PARTS);
  const marker = numberOf(request.header('x-amz-part-number-marker'), 0);
  const parts = await objects.rows.uploads.parts(row.id, marker, most + 1);
  const shown = parts.slice(0, most);
  const algorithm = row.checksum?.algorithm;
  return {
    PartsCount: row.partCount,
    PartNumberMarker: marker,
    NextPartNumberMarker: shown.at(-1)?.number ?? marker,
    MaxParts: most,
    IsTruncated: parts.length > most,
    Part: shown.map(({ number, sizeBytes, checksum }) => ({
      PartNumber: number,
      Size: sizeBytes,
      ...(algorithm && { [`Checksum${algorithm}`]: checksum }),
    })),
  };
}

function numberOf(text: string | undefined, fallback: number): number {
  if (text === undefined || text === '') return fallback;
  if (!/^\d{1,9}$/.test(text)) throw new S3Error('InvalidArgument');
  return Math.min(Number(text), fallback === 0 ? Number.MAX_SAFE_INTEGER : fallback);
}
