import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { asKey, keyPath } from '../support/keys.ts';
import { refusal, s3Client, s3Of } from '../support/s3.ts';
import { eventually } from '../support/wait.ts';

const BUCKETS = '/apis/miniaws.dev/v1/namespaces/shop/buckets';
let daemon: TestDaemon;
let admin: S3Client;
let endpoint: string;
const clients: S3Client[] = [];
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  const s3 = await s3Of(daemon);
  ({ endpoint } = s3);
  admin = s3Client(s3);
  clients.push(admin);
  await call(daemon, 'POST', '/api/v1/namespaces', {
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  });
  for (const [name, publicRead] of [
    ['shop-private', false],
    ['shop-public', true],
  ] as const) {
    const body = {
      apiVersion: 'miniaws.dev/v1',
      kind: 'Bucket',
      metadata: { name, namespace: 'shop' },
      spec: { publicRead },
    };
    expect((await call(daemon, 'POST', BUCKETS, { body })).status).toBe(201);
    for (const Key of ['a.txt', 'photos/1.jpg', 'photos/2024/2.jpg'])
      await admin.send(new PutObjectCommand({ Bucket: name, Key, Body: Key }));
  }
  await admin.send(new CreateBucketCommand({ Bucket: 'of-others' }));
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  await daemon?.stop();
});

const as = async (name: string, spec: object): Promise<S3Client> => {
  const client = s3Client(await s3Of(await asKey(daemon, name, spec)));
  clients.push(client);
  return client;
};
const Bucket = 'shop-private';
const get = (s3: S3Client, Key: string, bucket = Bucket) =>
  refusal(s3.send(new GetObjectCommand({ Bucket: bucket, Key })));
const put = (s3: S3Client, Key: string, bucket = Bucket) =>
  refusal(s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' })));
const list = (s3: S3Client, Prefix = '') => refusal(s3.send(new ListObjectsV2Command({ Bucket, Prefix })));
const [GOOD, DENIED] = ['no refusal', '403 AccessDenied'];

describe('who may do what with buckets and objects', () => {
  it('a key of role view reads; one of edit writes, where it holds', async () => {
    const view = await as('viewer', { role: 'view', namespaces: ['shop'] });
    expect([await get(view, 'a.txt'), await list(view), await put(view, 'new')]).toEqual([GOOD, GOOD, DENIED]);
    expect(await refusal(view.send(new DeleteObjectCommand({ Bucket, Key: 'a.txt' })))).toBe(DENIED);
    expect(await refusal(view.send(new CreateBucketCommand({ Bucket: 'viewers-own' })))).toBe(DENIED);
    expect((await view.send(new ListBucketsCommand({}))).Buckets?.map((b) => b.Name)).toEqual([
      'shop-private',
      'shop-public',
    ]);
    const edit = await as('editor', { role: 'edit', namespaces: ['shop'] });
    expect([await put(edit, 'new'), await get(edit, 'new'), await put(edit, 'new', 'of-others')]).toEqual([
      GOOD,
      GOOD,
      DENIED,
    ]);
    await edit.send(new CreateBucketCommand({ Bucket: 'editors-own' }));
    expect((await call(daemon, 'GET', `${BUCKETS}/editors-own`)).status).toBe(200);
    expect(await refusal(edit.send(new CreateBucketCommand({ Bucket: 'of-others' })))).toBe('409 BucketAlreadyExists');
    expect(await refusal(edit.send(new DeleteBucketCommand({ Bucket: 'of-others' })))).toBe(DENIED);
    await edit.send(new DeleteBucketCommand({ Bucket: 'editors-own' }));
  });

  it('rules narrow a key to a bucket, and to a folder of it', async () => {
    const rule = (resourceNames: string[], verbs: string[]) => ({
      verbs,
      resources: ['buckets/objects'],
      namespaces: ['shop'],
      resourceNames,
    });
    const folder = await as('folder', { rules: [rule([`${Bucket}/photos/*`], ['get', 'list', 'update'])] });
    expect([await get(folder, 'photos/2024/2.jpg'), await put(folder, 'photos/3.jpg')]).toEqual([GOOD, GOOD]);
    expect([
      await get(folder, 'a.txt'),
      await put(folder, 'b.txt'),
      await get(folder, 'photos/1.jpg', 'of-others'),
    ]).toEqual([DENIED, DENIED, DENIED]);
    expect([await list(folder, 'photos/'), await list(folder), await list(folder, 'photo')]).toEqual([
      GOOD,
      DENIED,
      DENIED,
    ]);
    const copy = new CopyObjectCommand({ Bucket, Key: 'photos/stolen', CopySource: `${Bucket}/a.txt` });
    expect(await refusal(folder.send(copy))).toBe(DENIED);
    const many = new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'photos/3.jpg' }, { Key: 'a.txt' }] } });
    expect((await folder.send(many)).Errors?.map((e) => [e.Key, e.Code])).toEqual([
      ['photos/3.jpg', 'AccessDenied'],
      ['a.txt', 'AccessDenied'],
    ]);
    expect((await folder.send(new ListBucketsCommand({}))).Buckets ?? []).toEqual([]);
  });

  it('without a key, objects of a public bucket are read, and nothing else', async () => {
    const asked = async (path: string, init?: RequestInit) => (await fetch(`${endpoint}${path}`, init)).status;
    expect(await asked('/shop-public/a.txt')).toBe(200);
    expect(await asked('/shop-public/a.txt', { method: 'HEAD' })).toBe(200);
    expect(await asked('/shop-public/none')).toBe(404);
    const refused = [
      '/shop-public/a.txt?versionId=null',
      '/shop-private/a.txt',
      '/shop-public',
      '/shop-public?versions',
      '/',
      '/shop-public/a.txt?uploadId=x',
    ];
    expect(await Promise.all(refused.map((path) => asked(path)))).toEqual(refused.map(() => 403));
    for (const method of ['PUT', 'POST', 'DELETE'])
      expect([403, 501]).toContain(await asked('/shop-public/a.txt', { method }));
    expect(await asked('/shop-public?delete', { method: 'POST', body: '<Delete/>' })).toBe(403);
    expect(await get(admin, 'a.txt', 'shop-public')).toBe(GOOD);
  });

  it('a link is good for its time, for what it names, and as long as its key is', async () => {
    const key = await as('sharer', { role: 'view' });
    const url = await getSignedUrl(key, new GetObjectCommand({ Bucket, Key: 'a.txt' }), { expiresIn: 60 });
    expect(await (await fetch(url)).text()).toBe('a.txt');
    expect((await fetch(url.replace('a.txt', 'photos/1.jpg'))).status).toBe(403);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
    expect((await call(daemon, 'DELETE', keyPath('sharer'))).status).toBe(200);
    await eventually('the link to be refused', async () => (await fetch(url)).status === 403);
    expect(await get(key, 'a.txt')).toMatch(/^403/);
  });

  it('what clients do with buckets is on record, and is known by its user', async () => {
    await admin.send(new CreateBucketCommand({ Bucket: 'recorded' }));
    const events = (await call(daemon, 'GET', '/apis/miniaws.dev/v1/auditevents?resource=buckets&name=recorded')).json<{
      items: { verb: string; user: string; manager: string }[];
    }>().items;
    expect(events).toEqual([expect.objectContaining({ verb: 'create', user: 'admin', manager: 's3' })]);
  });
});
