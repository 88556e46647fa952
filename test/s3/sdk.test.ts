import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import type { ListObjectVersionsCommandOutput, S3Client, Tag } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { eventually } from '../support/wait.ts';
import { refusal } from '../support/s3.ts';
import { startS3 } from '../support/s3-daemon.ts';

let daemon: TestDaemon;
let s3: S3Client;
let stop: (() => Promise<void>) | undefined;
beforeAll(async () => {
  ({ daemon, s3, stop } = await startS3());
});
afterAll(() => stop?.());

const put = (Bucket: string, Key: string, Body: string | Buffer | Readable, more: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const text = async (Bucket: string, Key: string, more: object = {}) =>
  (await s3.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body!.transformToString();
const bucket = async (name: string) => {
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  return name;
};
/** Of every kind that clients have trouble with. */
const KEYS = [
  'plain',
  'a/b/c',
  '/leading',
  'double//slash',
  'dots/../up',
  './here',
  'trailing/',
  'caf\u00e9',
  'cafe\u0301',
  'smile \u{1F600}',
  'percent%41%2F',
  'plus+and space',
  'new\nline',
  'question?mark&amp=1#hash',
  `long-${'x'.repeat(1_019)}`,
];

describe('the S3 API, to the client of AWS', () => {
  it('buckets: made, seen, told of, and gone', async () => {
    const name = await bucket('first-bucket');
    expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map((b) => b.Name)).toContain(name);
    await s3.send(new HeadBucketCommand({ Bucket: name }));
    expect((await s3.send(new GetBucketLocationCommand({ Bucket: name }))).LocationConstraint).toBe('local');
    await bucket(name);
    expect(await refusal(bucket('No'))).toBe('400 InvalidBucketName');
    await put(name, 'k', 'x');
    expect(await refusal(s3.send(new DeleteBucketCommand({ Bucket: name })))).toBe('409 BucketNotEmpty');
    await s3.send(new DeleteObjectCommand({ Bucket: name, Key: 'k' }));
    await s3.send(new DeleteBucketCommand({ Bucket: name }));
    expect(await refusal(s3.send(new HeadBucketCommand({ Bucket: name })))).toBe('404 NotFound');
    expect(await refusal(put(name, 'k', 'x'))).toBe('404 NoSuchBucket');
  });

  it('objects: as they were put, with what was said of them', async () => {
    const name = await bucket('objects-as-put');
    const said = {
      ContentType: 'text/plain; charset=utf-8',
      CacheControl: 'max-age=60',
      ContentDisposition: 'attachment; filename="a.txt"',
      Metadata: { colour: 'blue', 'with-dash': 'a b' },
    };
    const { ETag } = await put(name, 'k', 'hello', said);
    expect(ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    const got = await s3.send(new GetObjectCommand({ Bucket: name, Key: 'k' }));
    expect(await got.Body!.transformToString()).toBe('hello');
    expect(got).toMatchObject({ ...said, ETag, ContentLength: 5, AcceptRanges: 'bytes' });
    const head = await s3.send(new HeadObjectCommand({ Bucket: name, Key: 'k', ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ ...said, ETag, ChecksumCRC32: 'NhCmhg==', ChecksumType: 'FULL_OBJECT' });
    expect(await text(name, 'k', { Range: 'bytes=1-3' })).toBe('ell');
    expect(await text(name, 'k', { Range: 'bytes=-2' })).toBe('lo');
    expect(await refusal(text(name, 'k', { Range: 'bytes=9-' }))).toBe('416 InvalidRange');
    expect(await refusal(text(name, 'other'))).toBe('404 NoSuchKey');
    const large = Buffer.alloc(3_000_000, 'abc');
    await put(name, 'stream', Readable.from([large.subarray(0, 1_000_001), large.subarray(1_000_001)]), {
      ContentLength: large.length,
    });
    expect((await text(name, 'stream')) === large.toString()).toBe(true);
    await put(name, 'empty', '');
    expect(await text(name, 'empty')).toBe('');
  });

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'a checksum by %s is checked, kept and told',
    async (algorithm) => {
      const name = `checksum-${algorithm.toLowerCase()}`;
      await bucket(name);
      const stored = await put(name, 'k', 'hello', { ChecksumAlgorithm: algorithm });
      const member = `Checksum${algorithm}` as const;
      expect(stored[member]).toMatch(/=*$/);
      const got = await s3.send(new GetObjectCommand({ Bucket: name, Key: 'k', ChecksumMode: 'ENABLED' }));
      expect(await got.Body!.transformToString()).toBe('hello');
      expect(got[member]).toBe(stored[member]);
    },
  );

  it('a bucket whose deletion waits is emptied by clients, and takes nothing new', async () => {
    const name = await bucket('waits');
    await put(name, 'k', 'x');
    const path = `/apis/miniaws.dev/v1/namespaces/default/buckets/${name}`;
    expect((await call(daemon, 'DELETE', path)).status).toBe(200);
    expect(await refusal(put(name, 'new', 'x'))).toBe('404 NoSuchBucket');
    expect(await refusal(bucket(name))).toBe('409 OperationAborted');
    expect(await refusal(s3.send(new HeadBucketCommand({ Bucket: name })))).toBe('404 NotFound');
    expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map((b) => b.Name)).not.toContain(name);
    expect([await text(name, 'k'), (await s3.send(new ListObjectsV2Command({ Bucket: name }))).KeyCount]).toEqual([
      'x',
      1,
    ]);
    await s3.send(new DeleteObjectCommand({ Bucket: name, Key: 'k' }));
    await eventually('the bucket to be gone', async () => (await call(daemon, 'GET', path)).status === 404);
  });

  it('tags: said with the object, put, told and taken away', async () => {
    const name = await bucket('tags');
    await put(name, 'k', 'x', { Tagging: 'team=a%20b&stage=test' });
    const tags = async () =>
      Object.fromEntries(
        (await s3.send(new GetObjectTaggingCommand({ Bucket: name, Key: 'k' }))).TagSet!.map(({ Key, Value }) => [
          Key,
          Value,
        ]),
      );
    expect(await tags()).toEqual({ team: 'a b', stage: 'test' });
    const set = (TagSet: Tag[]) =>
      s3.send(new PutObjectTaggingCommand({ Bucket: name, Key: 'k', Tagging: { TagSet } }));
    await set([{ Key: 'only', Value: 'one' }]);
    expect(await tags()).toEqual({ only: 'one' });
    expect(await refusal(set(Array.from({ length: 11 }, (_, i) => ({ Key: `${i}`, Value: '' }))))).toBe(
      '400 InvalidTag',
    );
    await s3.send(new DeleteObjectTaggingCommand({ Bucket: name, Key: 'k' }));
    expect([await tags(), await text(name, 'k')]).toEqual([{}, 'x']);
  });

  it('conditions: of a read, and of a write', async () => {
    const name = await bucket('conditions');
    const { ETag } = await put(name, 'k', '1', { IfNoneMatch: '*' });
    expect(await refusal(put(name, 'k', '2', { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed');
    expect(await refusal(put(name, 'k', '2', { IfMatch: '"other"' }))).toBe('412 PreconditionFailed');
    expect(await refusal(put(name, 'none', '2', { IfMatch: ETag }))).toBe('404 NoSuchKey');
    await put(name, 'k', '2', { IfMatch: ETag });
    expect(await text(name, 'k')).toBe('2');
    expect(await refusal(text(name, 'k', { IfMatch: ETag }))).toBe('412 PreconditionFailed');
    const { ETag: now } = await s3.send(new HeadObjectCommand({ Bucket: name, Key: 'k' }));
    expect(await refusal(text(name, 'k', { IfNoneMatch: now }))).toMatch(/^304/);
    expect(await refusal(text(name, 'k', { IfModifiedSince: new Date(Date.now() + 1_000) }))).toMatch(/^304/);
    const race = await Promise.all(
      Array.from({ length: 10 }, (_, i) => refusal(put(name, 'once', `${i}`, { IfNoneMatch: '*' }))),
    );
    expect(race.filter((each) => each === 'no refusal')).toHaveLength(1);
  });

  it('keys of every kind, put, listed, copied and deleted', async () => {
    const name = await bucket('keys');
    await Promise.all(KEYS.map((key) => put(name, key, key)));
    const { Contents, KeyCount } = await s3.send(new ListObjectsV2Command({ Bucket: name, EncodingType: 'url' }));
    expect(KeyCount).toBe(KEYS.length);
    const listed = Contents!.map(({ Key }) => decodeURIComponent(Key!.replaceAll('+', ' ')));
    expect(listed).toEqual(KEYS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    for (const key of KEYS) expect(await text(name, key)).toBe(key);
    for (const key of KEYS.slice(0, -1)) {
      await s3.send(
        new CopyObjectCommand({ Bucket: name, Key: `copy ${key}`, CopySource: encodeURIComponent(`${name}/${key}`) }),
      );
      expect(await text(name, `copy ${key}`)).toBe(key);
    }
    expect(await refusal(put(name, 'x'.repeat(1_025), ''))).toBe('400 KeyTooLongError');
    const copies = KEYS.slice(0, -1).map((key) => ({ Key: `copy ${key}` }));
    const { Deleted, Errors } = await s3.send(
      new DeleteObjectsCommand({
        Bucket: name,
        Delete: { Objects: [...copies, ...KEYS.map((Key) => ({ Key })), { Key: 'never there' }] },
      }),
    );
    expect([Deleted?.length, Errors]).toEqual([2 * KEYS.length, undefined]);
    expect((await s3.send(new ListObjectsV2Command({ Bucket: name }))).KeyCount).toBe(0);
  });

  it('a key with half a character is refused, and its neighbours are not', async () => {
    const name = await bucket('halves');
    await put(name, 'good', 'x');
    const { Deleted, Errors } = await s3.send(
      new DeleteObjectsCommand({ Bucket: name, Delete: { Objects: [{ Key: 'good' }, { Key: 'bad \ud800' }] } }),
    );
    expect([Deleted?.map(({ Key }) => Key), Errors?.length ?? 0]).toEqual([
      expect.arrayContaining(['good']),
      expect.any(Number),
    ]);
    expect(await refusal(text(name, 'good'))).toBe('404 NoSuchKey');
  });

  it('lists: by prefix and delimiter, page by page, in both versions', async () => {
    const name = await bucket('lists');
    const keys = ['a', 'b/1', 'b/2', 'b/c/3', 'd/4', 'e'];
    await Promise.all(keys.map((key) => put(name, key, '')));
    const found: string[] = [];
    let token: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({ Bucket: name, Delimiter: '/', MaxKeys: 1, ContinuationToken: token }),
      );
      found.push(
        ...(page.Contents ?? []).map(({ Key }) => Key!),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!),
      );
      token = page.NextContinuationToken;
    } while (token !== undefined);
    expect(found).toEqual(['a', 'b/', 'd/', 'e']);
    const old = await s3.send(new ListObjectsCommand({ Bucket: name, Delimiter: '/', MaxKeys: 2 }));
    expect([old.NextMarker, old.IsTruncated]).toEqual(['b/', true]);
    const rest = await s3.send(new ListObjectsCommand({ Bucket: name, Delimiter: '/', Marker: old.NextMarker }));
    expect([rest.CommonPrefixes?.map((p) => p.Prefix), rest.Contents?.map((c) => c.Key)]).toEqual([['d/'], ['e']]);
    const under = await s3.send(
      new ListObjectsV2Command({ Bucket: name, Prefix: 'b/', Delimiter: '/', StartAfter: 'b/1' }),
    );
    expect([under.Contents?.map((c) => c.Key), under.CommonPrefixes?.map((p) => p.Prefix)]).toEqual([
      ['b/2'],
      ['b/c/'],
    ]);
  });

  it('versions: kept, marked as deleted, listed, and removed one by one', async () => {
    const name = await bucket('versions');
    await put(name, 'k', '0');
    await s3.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: 'Enabled' } }));
    expect((await s3.send(new GetBucketVersioningCommand({ Bucket: name }))).Status).toBe('Enabled');
    const first = await put(name, 'k', '1');
    await put(name, 'k', '2');
    const gone = await s3.send(new DeleteObjectCommand({ Bucket: name, Key: 'k' }));
    expect(gone.DeleteMarker).toBe(true);
    expect(await refusal(text(name, 'k'))).toBe('404 NoSuchKey');
    expect(await text(name, 'k', { VersionId: first.VersionId })).toBe('1');
    expect(await text(name, 'k', { VersionId: 'null' })).toBe('0');
    const all = await s3.send(new ListObjectVersionsCommand({ Bucket: name }));
    expect([all.Versions?.length, all.DeleteMarkers?.length, all.Versions?.at(-1)?.VersionId]).toEqual([3, 1, 'null']);
    const seen: (string | undefined)[] = [];
    for (let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {}; marker;) {
      const page: ListObjectVersionsCommandOutput = await s3.send(
        new ListObjectVersionsCommand({ Bucket: name, MaxKeys: 1, ...marker }),
      );
      seen.push(...[...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map((v) => v.VersionId));
      marker = page.IsTruncated
        ? { KeyMarker: page.NextKeyMarker!, VersionIdMarker: page.NextVersionIdMarker! }
        : undefined;
    }
    expect(seen).toEqual([gone.VersionId, ...all.Versions!.map((v) => v.VersionId)]);
    await s3.send(new DeleteObjectCommand({ Bucket: name, Key: 'k', VersionId: gone.VersionId }));
    expect(await text(name, 'k')).toBe('2');
    const rows = [...all.Versions!].map(({ Key, VersionId }) => ({ Key: Key!, VersionId }));
    await s3.send(new DeleteObjectsCommand({ Bucket: name, Delete: { Objects: rows } }));
    await s3.send(new DeleteBucketCommand({ Bucket: name }));
  });

  it('versions: who deletes each page, and lists on after it, leaves nothing', async () => {
    const name = await bucket('versions-go');
    await s3.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: 'Enabled' } }));
    for (const key of ['a', 'a', 'a', 'b']) await put(name, key, 'x');
    for (let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {}; marker;) {
      const page: ListObjectVersionsCommandOutput = await s3.send(
        new ListObjectVersionsCommand({ Bucket: name, MaxKeys: 1, ...marker }),
      );
      for (const { Key, VersionId } of page.Versions ?? [])
        await s3.send(new DeleteObjectCommand({ Bucket: name, Key, VersionId }));
      marker = page.IsTruncated
        ? { KeyMarker: page.NextKeyMarker!, VersionIdMarker: page.NextVersionIdMarker! }
        : undefined;
    }
    await s3.send(new DeleteBucketCommand({ Bucket: name }));
  });
});
