import type { ObjectPart, StoredChecksum, Upload } from '../row.ts';
import { canCombine, CHECKSUM_ALGORITHMS, checksumAlgorithm, compositeOf, fullObjectOf } from '../wire/checksums.ts';
import { S3Error } from '../wire/errors.ts';
import type { S3Request } from './request.ts';

/** What the parts of an upload are to have, and the object. */
export function uploadChecksum(request: S3Request): Omit<StoredChecksum, 'value'> | undefined {
  const [named, type] = [
    request.header('x-amz-checksum-algorithm'),
    request.header('x-amz-checksum-type')?.toUpperCase(),
  ];
  if (named === undefined) return undefined;
  const algorithm = checksumAlgorithm(named);
  if (!algorithm)
    throw new S3Error('InvalidRequest', {
      message: `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${CHECKSUM_ALGORITHMS.join(', ')}]`,
    });
  const wanted = type ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  const isOffered =
    wanted === 'FULL_OBJECT' ? canCombine(algorithm) : wanted === 'COMPOSITE' && algorithm !== 'CRC64NVME';
  if (!isOffered)
    throw new S3Error('InvalidRequest', {
      message: `The ${wanted} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    });
  return { algorithm, type: wanted as StoredChecksum['type'] };
}

export function checksumOf(
  { description: { checksum } }: Upload,
  parts: readonly ObjectPart[],
): StoredChecksum | undefined {
  if (!checksum) return undefined;
  const { algorithm, type } = checksum;
  const digests = parts.map((part) => ({ digest: Buffer.from(part.checksum ?? '', 'base64'), size: part.sizeBytes }));
  if (type === 'COMPOSITE')
    return {
      ...checksum,
      value: compositeOf(
        algorithm,
        digests.map(({ digest }) => digest),
      ),
    };
  return canCombine(algorithm) ? { ...checksum, value: fullObjectOf(algorithm, digests) } : undefined;
}

/** What the client says of the whole. Throws InvalidRequest, and BadDigest. */
export function checkWhole(
  request: S3Request,
  parts: readonly ObjectPart[],
  checksum: StoredChecksum | undefined,
): void {
  const size = request.header('x-amz-mp-object-size');
  if (size !== undefined && Number(size) !== parts.reduce((sum, part) => sum + part.sizeBytes, 0))
    throw new S3Error('InvalidRequest', {
      message: `The provided 'x-amz-mp-object-size' header value ${size} does not match what was computed.`,
    });
  const said = checksum && request.header(`x-amz-checksum-${checksum.algorithm.toLowerCase()}`);
  if (said !== undefined && said !== checksum?.value)
    throw new S3Error('BadDigest', {
      message: `The ${checksum?.algorithm} you specified did not match the calculated checksum.`,
    });
}
