import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetBucketEncryptionCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cipherOf } from '../../src/s3/encryption.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { refusal } from '../support/s3.ts';
import { startS3 } from '../support/s3-daemon.ts';
import { eventually } from '../support/wait.ts';

const Bucket = 'vault';
const SECRETS = '/api/v1/namespaces/default/secrets';
const PLAIN = 'nobody who has the disk reads this';
let daemon: TestDaemon;
let s3: S3Client;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  ({ daemon, s3, stop } = await startS3());
  await s3.send(new CreateBucketCommand({ Bucket }));
  const key = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'vault-key' },
    stringData: { key: 'k'.repeat(32) },
  };
  expect((await call(daemon, 'POST', SECRETS, { body: key })).status).toBe(201);
});
afterAll(() => stop?.());

const clientKey = (seed: string) => {
  const key = createHash('sha256').update(seed).digest();
  return {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  };
};
const put = (Key: string, more: object = {}, Body = PLAIN) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Key: string, more: object = {}) =>
  (await s3.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body?.transformToString();
/** Everything that rests on the disk. */
async function onDisk(): Promise<string> {
  const folder = join(daemon.dataDir, 'objects');
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
  return (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))).join('\n');
}

describe('what is put encrypted', () => {
  it.each<[string, Record<string, string>, object]>([
    ["by the installation's own key", { ServerSideEncryption: 'AES256' }, {}],
    ['by a key of the namespace', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'vault-key' }, {}],
    ["by the client's key", clientKey('mine'), clientKey('mine')],
  ])('%s rests so, and is read by who may, any range of it too', async (_, how, reading) => {
    const put1 = await put('secret', how);
    const { SSECustomerKey: _key, ...said }: Record<string, string> = how;
    expect(put1).toMatchObject(said);
    expect(await onDisk()).not.toContain('who has the disk');
    expect(await get('secret', reading)).toBe(PLAIN);
    expect(await get('secret', { ...reading, Range: 'bytes=7-21' })).toBe(PLAIN.slice(7, 22));
    expect(put1.ETag).toBe(`"${createHash('md5').update(PLAIN).digest('hex')}"`);
  });

  it("a client's key is needed to read it, and is the right one", async () => {
    await put('theirs', clientKey('mine'));
    expect(await refusal(get('theirs'))).toBe('400 InvalidRequest');
    expect(await refusal(get('theirs', clientKey('other')))).toBe('400 InvalidRequest');
    expect(await refusal(s3.send(new HeadObjectCommand({ Bucket, Key: 'theirs' })))).toMatch(/^400/);
    await put('plain');
    expect(await refusal(get('plain', clientKey('mine')))).toBe('400 InvalidRequest');
  });

  it('by a key that is not there is refused; what was put under one is not read while it is gone', async () => {
    const missing = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'none' };
    expect(await refusal(put('x', missing))).toBe('400 KMS.NotFoundException');
    await put('kept', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'vault-key' });
    const path = `${SECRETS}/vault-key`;
    const { data } = (await call(daemon, 'GET', path)).json<{ data: object }>();
    await call(daemon, 'DELETE', path);
    await eventually('the key to be gone', async () => (await refusal(get('kept'))) === '400 KMS.NotFoundException');
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'vault-key' }, data };
    await call(daemon, 'POST', SECRETS, { body });
    await eventually('the key to be back', async () => (await get('kept')) === PLAIN);
  });

  it('because the bucket says so, copied out of it and in, and in parts', async () => {
    await s3.send(
      new PutBucketEncryptionCommand({
        Bucket,
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'vault-key' } }],
        },
      }),
    );
    const { ServerSideEncryptionConfiguration: said } = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
    expect(said?.Rules?.[0]?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID).toBe('vault-key');
    expect((await put('default')).ServerSideEncryption).toBe('aws:kms');
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/default`, ...clientKey('c') }));
    expect(await get('copy', clientKey('c'))).toBe(PLAIN);
    const large = randomBytes((5 << 20) + 1_000);
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'parts' }));
    const parts = await Promise.all(
      [large.subarray(0, 5 << 20), large.subarray(5 << 20)].map(async (Body, i) => {
        const { ETag } = await s3.send(
          new UploadPartCommand({ Bucket, Key: 'parts', UploadId, PartNumber: i + 1, Body }),
        );
        return { ETag, PartNumber: i + 1 };
      }),
    );
    const MultipartUpload = { Parts: parts };
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'parts', UploadId, MultipartUpload }));
    const { Body, ServerSideEncryption } = await s3.send(new GetObjectCommand({ Bucket, Key: 'parts' }));
    expect(ServerSideEncryption).toBe('aws:kms');
    expect(large.equals(Buffer.from((await Body?.transformToByteArray()) ?? []))).toBe(true);
    expect(await onDisk()).not.toContain(large.subarray(0, 64).toString('latin1'));
  });

  it('a declared object rests so, too, and is put back when its file is gone', async () => {
    const object = {
      apiVersion: 'miniaws.dev/v1',
      kind: 'Object',
      metadata: { name: 'declared' },
      spec: { bucket: Bucket, key: 'declared', content: `declared: ${PLAIN}` },
    };
    await call(daemon, 'POST', '/apis/miniaws.dev/v1/namespaces/default/objects', { body: object });
    await eventually('the object', async () => (await get('declared').catch(() => undefined)) === object.spec.content);
    expect(await onDisk()).not.toContain('declared:');
  });
});

it('any part of the bytes is deciphered by itself (fast-check)', () => {
  const root = randomBytes(32);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), fc.nat(), (bytes, a, b) => {
      const plain = Buffer.from(bytes);
      const rests = cipherOf(root, 'id')(plain);
      const [from, to] = [a % plain.length, b % plain.length].toSorted((x, y) => x - y) as [number, number];
      expect(cipherOf(root, 'id', from)(rests.subarray(from, to + 1))).toEqual(plain.subarray(from, to + 1));
      expect(cipherOf(root, 'other')(plain).equals(rests) && plain.length > 8).toBe(false);
    }),
  );
});
