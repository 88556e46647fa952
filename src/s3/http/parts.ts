import type { ByteRange } from '../../drivers/objects/bytes.ts';
import type { Objects } from '../objects.ts';
import type { ObjectRow } from '../row.ts';
import { S3Error } from '../wire/errors.ts';
import type { S3Request } from './request.ts';

export const MOST_PARTS = 10_000;

/** The number of a part that the request is about. Throws InvalidArgument. */
export function partNumber({ query }: S3Request): number {
  const text = query.get('partNumber') ?? '';
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > MOST_PARTS)
    throw new S3Error('InvalidArgument', {
      message: `Part number must be an integer between 1 and ${MOST_PARTS}, inclusive`,
      extra: { ArgumentName: 'partNumber', ArgumentValue: text },
    });
  return number;
}

/** The bytes of one part of an object that came so; of another, all of them are its first. */
export async function partOf(
  row: ObjectRow,
  number: number,
  objects: Objects,
): Promise<ByteRange & { count?: number; checksum?: string | undefined }> {
  if (row.partCount === 0) {
    if (number !== 1) throw new S3Error('InvalidPartNumber');
    return { first: 0, last: row.sizeBytes - 1 };
  }
  let first = 0;
  for (const part of await objects.rows.uploads.parts(row.id)) {
    if (part.number === number)
      return { first, last: first + part.sizeBytes - 1, count: row.partCount, checksum: part.checksum };
    first += part.sizeBytes;
  }
  throw new S3Error('InvalidPartNumber');
}
