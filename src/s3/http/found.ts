import type { Amendment } from '../bucket-draft.ts';
import type { Objects } from '../objects.ts';
import type { ObjectRow } from '../row.ts';
import { S3Error } from '../wire/errors.ts';
import { versionHeaders } from './answer.ts';
import type { S3Request } from './request.ts';

export const isVersioned = ({ bucket }: S3Request): boolean => bucket.versioning !== 'Off';

/** The version that is asked for. Throws S3's refusals, with what a delete marker has to say. */
export async function found(request: S3Request, objects: Objects): Promise<ObjectRow> {
  const { bucket, key, query } = request;
  const versionId = query.get('versionId');
  if (versionId === '') throw new S3Error('InvalidArgument', { message: 'Version id cannot be the empty string' });
  const row = await objects.rows.find(bucket.name, key, versionId);
  if (row && !row.isDeleteMarker) return row;
  if (row) Object.assign(request.refusalHeaders, { 'x-amz-delete-marker': 'true', ...versionHeaders(row, true) });
  if (row && versionId !== undefined) throw new S3Error('MethodNotAllowed');
  const extra = { Key: key };
  if (versionId !== undefined) throw new S3Error('NoSuchVersion', { extra: { ...extra, VersionId: versionId } });
  throw new S3Error('NoSuchKey', { extra });
}

/** Changes what is said of a version that was found, as it is by now. */
export async function amended(
  { bucket }: S3Request,
  objects: Objects,
  { key, versionId }: ObjectRow,
  change: (row: ObjectRow) => Amendment,
): Promise<void> {
  await objects.rows.change(bucket, [{ key, versionId }], (now) => {
    const row = now.version(key, versionId);
    if (!row) throw new S3Error('NoSuchKey', { extra: { Key: key } });
    now.amend(row, change(row));
  });
}
