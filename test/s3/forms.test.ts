import {
  CreateBucketCommand,
  DeleteBucketCorsCommand,
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetObjectAclCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import type { PresignedPostOptions } from '@aws-sdk/s3-presigned-post';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { asKey } from '../support/keys.ts';
import { refusal, s3Client, s3Of } from '../support/s3.ts';

const Bucket = 'forms';
let daemon: TestDaemon;
let s3: S3Client;
let viewer: S3Client;
let endpoint: string;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  const own = await s3Of(daemon);
  ({ endpoint } = own);
  s3 = s3Client(own);
  viewer = s3Client(await s3Of(await asKey(daemon, 'viewer', { role: 'view' })));
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(async () => {
  s3?.destroy();
  viewer?.destroy();
  await daemon?.stop();
});

/** As a browser sends it. */
async function posted(
  client: S3Client,
  options: Omit<PresignedPostOptions, 'Bucket'>,
  content: string,
  more: object = {},
) {
  const { url, fields } = await createPresignedPost(client, { Bucket, ...options });
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...more })) form.append(name, String(value));
  form.append('file', new Blob([content]), 'holiday.txt');
  return fetch(url, { method: 'POST', body: form, redirect: 'manual' });
}
const codeOf = async (answer: Response) => `${answer.status} ${/<Code>(\w+)/.exec(await answer.text())?.[1] ?? ''}`;
const text = async (Key: string) => {
  const { Body, ...said } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return { content: await Body!.transformToString(), ...said };
};

describe("a browser's form", () => {
  it('puts what its policy allows, under a key with the name of the file', async () => {
    const answer = await posted(
      s3,
      {
        Key: 'up/${filename}',
        Fields: { 'Content-Type': 'text/plain', 'x-amz-meta-who': 'anna', success_action_status: '201' },
        Conditions: [
          ['starts-with', '$key', 'up/'],
          ['content-length-range', 1, 20],
        ],
      },
      'from a form',
    );
    expect(answer.status).toBe(201);
    expect(await answer.text()).toContain('<Key>up/holiday.txt</Key>');
    expect(await text('up/holiday.txt')).toMatchObject({
      content: 'from a form',
      ContentType: 'text/plain',
      Metadata: { who: 'anna' },
    });
    const redirected = await posted(
      s3,
      { Key: 'r', Fields: { success_action_redirect: 'http://shop.example/done?x=1' } },
      'x',
    );
    expect([redirected.status, redirected.headers.get('location')]).toEqual([
      303,
      expect.stringMatching(/^http:\/\/shop.example\/done\?x=1&bucket=forms&key=r&etag=/),
    ]);
  });

  it('puts nothing that it does not allow', async () => {
    const small = { Key: 'size', Conditions: [['content-length-range', 3, 5]] } as never;
    expect(await codeOf(await posted(s3, small, 'too long'))).toBe('400 EntityTooLarge');
    expect(await codeOf(await posted(s3, small, 'x'))).toBe('400 EntityTooSmall');
    expect(await codeOf(await posted(s3, { Key: 'k' }, 'x', { 'x-amz-meta-extra': '1' }))).toBe('403 AccessDenied');
    expect(await codeOf(await posted(s3, { Key: 'k' }, 'x', { key: 'other' }))).toBe('403 AccessDenied');
    expect(await codeOf(await posted(viewer, { Key: 'k' }, 'x'))).toBe('403 AccessDenied');
    expect(await codeOf(await posted(s3, { Key: 'k', Fields: { 'Content-Type': 'a\r\nx-evil: 1' } }, 'x'))).toBe(
      '400 InvalidArgument',
    );
    const anonymous = new FormData();
    anonymous.append('key', 'k');
    anonymous.append('file', new Blob(['x']), 'x');
    expect(await codeOf(await fetch(`${endpoint}/${Bucket}`, { method: 'POST', body: anonymous }))).toBe(
      '403 AccessDenied',
    );
    const bare = await fetch(`${endpoint}/${Bucket}`, {
      method: 'POST',
      body: 'x',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    expect((await codeOf(bare)).slice(0, 3)).toBe('400');
    for (const Key of ['size', 'k', 'other']) expect(await refusal(text(Key))).toBe('404 NoSuchKey');
  });
});

describe('what clients ask of every bucket and object', () => {
  it('attributes of an object', async () => {
    await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'hello', ChecksumAlgorithm: 'SHA256' }));
    const asked = new GetObjectAttributesCommand({
      Bucket,
      Key: 'a',
      ObjectAttributes: ['ETag', 'Checksum', 'ObjectSize', 'StorageClass'],
    });
    expect(await s3.send(asked)).toMatchObject({
      ETag: '5d41402abc4b2a76b9719d911017c592',
      Checksum: { ChecksumSHA256: 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=', ChecksumType: 'FULL_OBJECT' },
      ObjectSize: 5,
      StorageClass: 'STANDARD',
    });
  });

  it('what there is none of is told as such, and nobody sets it', async () => {
    const asked = await Promise.all(
      [
        new GetBucketPolicyCommand({ Bucket }),
        new GetBucketCorsCommand({ Bucket }),
        new GetBucketLifecycleConfigurationCommand({ Bucket }),
        new GetBucketEncryptionCommand({ Bucket }),
      ].map((command) => refusal(s3.send(command as GetBucketPolicyCommand))),
    );
    expect(asked).toEqual([
      '404 NoSuchBucketPolicy',
      '404 NoSuchCORSConfiguration',
      '404 NoSuchLifecycleConfiguration',
      '404 ServerSideEncryptionConfigurationNotFoundError',
    ]);
    await s3.send(new DeleteBucketCorsCommand({ Bucket }));
    expect(await refusal(s3.send(new PutBucketPolicyCommand({ Bucket, Policy: '{}' })))).toBe('400 MalformedPolicy');
    expect((await s3.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic).toBe(false);
    const { Grants } = await s3.send(new GetBucketAclCommand({ Bucket }));
    expect(Grants?.map(({ Permission }) => Permission)).toEqual(['FULL_CONTROL']);
    expect(await refusal(s3.send(new GetObjectAclCommand({ Bucket, Key: 'none' })))).toBe('404 NoSuchKey');
  });
});
