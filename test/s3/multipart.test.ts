import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { ListMultipartUploadsCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDaemon } from '../support/daemon.ts';
import { refusal } from '../support/s3.ts';
import { startS3 } from '../support/s3-daemon.ts';

const MIB = 1 << 20;
const Bucket = 'in-parts';
let daemon: TestDaemon;
let s3: S3Client;
let stop: (() => Promise<void>) | undefined;
beforeAll(async () => {
  ({ daemon, s3, stop } = await startS3());
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => stop?.());

const begin = async (Key: string, more: object = {}) =>
  (await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId!;
const part = async (Key: string, UploadId: string, PartNumber: number, Body: Buffer, more: object = {}) => {
  const { ETag, ...sums } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }));
  return { ETag, PartNumber, ...('ChecksumCRC32' in sums ? { ChecksumCRC32: sums.ChecksumCRC32 } : {}) };
};
const complete = (Key: string, UploadId: string, Parts: object[], more: object = {}) =>
  s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }));
const bytesOf = async (Key: string, more: object = {}) =>
  Buffer.from(await (await s3.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body!.transformToByteArray());

describe('objects in parts', () => {
  it('are the parts that were named, in their order; parts that were replaced or left out are not of it', async () => {
    const [a, b, c] = [Buffer.alloc(5 * MIB, 'a'), Buffer.alloc(5 * MIB, 'b'), Buffer.from('the end')];
    const id = await begin('k', { ContentType: 'text/plain', Metadata: { colour: 'red' } });
    const last = await part('k', id, 9, c);
    await part('k', id, 2, Buffer.from('replaced'));
    const parts = [await part('k', id, 1, a), await part('k', id, 2, b), last];
    await part('k', id, 5, Buffer.from('left out'));
    const listed = await s3.send(new ListPartsCommand({ Bucket, Key: 'k', UploadId: id, MaxParts: 2 }));
    expect([listed.Parts?.map((p) => [p.PartNumber, p.Size]), listed.NextPartNumberMarker]).toEqual([
      [
        [1, a.length],
        [2, b.length],
      ],
      '2',
    ]);
    expect(await refusal(s3.send(new HeadObjectCommand({ Bucket, Key: 'k' })))).toBe('404 NotFound');
    const { ETag } = await complete('k', id, parts);
    const md5 = (bytes: Buffer) => createHash('md5').update(bytes);
    const whole = Buffer.concat([a, b, c]);
    expect(ETag).toBe(`"${md5(Buffer.concat([a, b, c].map((each) => md5(each).digest()))).digest('hex')}-3"`);
    expect((await bytesOf('k')).equals(whole)).toBe(true);
    const across = { first: 5 * MIB - 10, last: 10 * MIB + 3 };
    const range = await bytesOf('k', { Range: `bytes=${across.first}-${across.last}` });
    expect(range.equals(whole.subarray(across.first, across.last + 1))).toBe(true);
    const third = await s3.send(new GetObjectCommand({ Bucket, Key: 'k', PartNumber: 9 }));
    expect([await third.Body!.transformToString(), third.PartsCount]).toEqual(['the end', 3]);
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).toMatchObject({
      ContentType: 'text/plain',
      Metadata: { colour: 'red' },
      ContentLength: whole.length,
    });
    // The first answer may not have come.
    expect((await complete('k', id, parts)).ETag).toBe(ETag);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
    expect(await refusal(complete('k', id, parts))).toBe('404 NoSuchUpload');
  });

  it.each([
    ['CRC32', 'COMPOSITE'],
    ['CRC32', 'FULL_OBJECT'],
    ['CRC64NVME', 'FULL_OBJECT'],
    ['SHA256', 'COMPOSITE'],
  ])('have a checksum by %s, %s', async (ChecksumAlgorithm, ChecksumType) => {
    const bodies = [Buffer.alloc(5 * MIB, 'x'), Buffer.from('yz')];
    const id = await begin('sum', { ChecksumAlgorithm, ChecksumType });
    const parts = [];
    for (const [i, body] of bodies.entries()) parts.push(await part('sum', id, i + 1, body, { ChecksumAlgorithm }));
    const done = await complete('sum', id, parts);
    const member = `Checksum${ChecksumAlgorithm}` as 'ChecksumCRC32';
    expect(done[member]).toMatch(ChecksumType === 'COMPOSITE' ? /-2$/ : /=$/);
    if (ChecksumType === 'FULL_OBJECT') {
      const whole = await s3.send(
        new PutObjectCommand({
          Bucket,
          Key: 'whole',
          Body: Buffer.concat(bodies),
          ChecksumAlgorithm: 'CRC32',
          ...({ ChecksumAlgorithm } as object),
        }),
      );
      expect(done[member]).toBe(whole[member]);
    }
  });

  it('are refused whole: parts in no order, that are not there, that are too small, another size', async () => {
    const id = await begin('refused');
    const parts = [
      await part('refused', id, 1, Buffer.from('small')),
      await part('refused', id, 2, Buffer.from('end')),
    ];
    expect(await refusal(complete('refused', id, parts.toReversed()))).toBe('400 InvalidPartOrder');
    expect(await refusal(complete('refused', id, parts))).toBe('400 EntityTooSmall');
    expect(await refusal(complete('refused', id, [{ ...parts[0], ETag: '"other"' }]))).toBe('400 InvalidPart');
    expect(await refusal(complete('refused', id, [{ ...parts[0], PartNumber: 3 }]))).toBe('400 InvalidPart');
    expect(await refusal(complete('refused', id, [parts[0]!], { MpuObjectSize: 6 }))).toBe('400 InvalidRequest');
    await complete('refused', id, [parts[0]!], { MpuObjectSize: 5, IfNoneMatch: '*' });
    const again = await begin('refused');
    const only = await part('refused', again, 1, Buffer.from('x'));
    expect(await refusal(complete('refused', again, [only], { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed');
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'refused', UploadId: again }));
    expect(await refusal(part('refused', again, 2, Buffer.from('x')))).toBe('404 NoSuchUpload');
    expect((await bytesOf('refused')).toString()).toBe('small');
  });

  it('may be copied from others, and parts of them', async () => {
    const source = Buffer.alloc(6 * MIB, '0123456789');
    await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: source }));
    const id = await begin('copied');
    const copy = async (PartNumber: number, range: string) => {
      const { CopyPartResult } = await s3.send(
        new UploadPartCopyCommand({
          Bucket,
          Key: 'copied',
          UploadId: id,
          PartNumber,
          CopySource: `${Bucket}/source`,
          CopySourceRange: range,
        }),
      );
      return { ETag: CopyPartResult!.ETag, PartNumber };
    };
    const parts = [await copy(1, `bytes=0-${5 * MIB - 1}`), await copy(2, 'bytes=3-5')];
    await complete('copied', id, parts);
    expect((await bytesOf('copied')).equals(Buffer.concat([source.subarray(0, 5 * MIB), Buffer.from('345')]))).toBe(
      true,
    );
    expect(await refusal(copy(3, `bytes=0-${6 * MIB}`))).toBe('404 NoSuchUpload');
  });

  it('that have not come to an end are listed, and go with their bucket', async () => {
    const Other = 'unfinished';
    await s3.send(new CreateBucketCommand({ Bucket: Other }));
    const started = [];
    for (const Key of ['b', 'a', 'a'])
      started.push((await s3.send(new CreateMultipartUploadCommand({ Bucket: Other, Key }))).UploadId!);
    const seen: string[] = [];
    for (let marker: object | undefined = {}; marker;) {
      const page: ListMultipartUploadsCommandOutput = await s3.send(
        new ListMultipartUploadsCommand({ Bucket: Other, MaxUploads: 1, ...marker }),
      );
      seen.push(...(page.Uploads ?? []).map(({ UploadId }) => UploadId!));
      marker = page.IsTruncated
        ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
        : undefined;
    }
    expect(seen).toEqual([started[1], started[2], started[0]]);
    await s3.send(new DeleteBucketCommand({ Bucket: Other }));
    expect(await daemon.database.query('SELECT count(*)::int AS n FROM uploads')).toEqual([{ n: 0 }]);
  });
});
