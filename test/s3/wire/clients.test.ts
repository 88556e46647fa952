import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { PutObjectCommandInput, S3ClientConfig } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKSUM_ALGORITHMS } from '../../../src/s3/wire/checksums.ts';
import { KEY, secretOf } from './support/example.ts';
import { startTinyS3 } from './support/server.ts';
import type { StoredObject, TinyS3 } from './support/server.ts';

// The SDK of 2027 needs Node 22, which each client says.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

let s3: TinyS3;
let client: S3Client;
const clients: S3Client[] = [];
const connect = (config: S3ClientConfig = {}): S3Client => {
  const made = new S3Client({
    endpoint: `http://127.0.0.1:${s3.port}`,
    forcePathStyle: true,
    region: 'eu-central-1',
    credentials: { accessKeyId: KEY.id, secretAccessKey: KEY.secret },
    maxAttempts: 1,
    ...config,
  });
  clients.push(made);
  return made;
};
beforeAll(async () => {
  s3 = await startTinyS3(secretOf);
  client = connect();
});
afterAll(async () => {
  for (const made of clients) made.destroy();
  await s3.stop();
});

const stored = (key: string): StoredObject => {
  const object = s3.objects.get(`bucket/${key}`);
  if (!object) throw new Error(`nothing was put as ${JSON.stringify(key)}`);
  return object;
};
const put = (key: string, input: Partial<PutObjectCommandInput>, by = client) =>
  by.send(new PutObjectCommand({ Bucket: 'bucket', Key: key, ...input }));
/** The whole of a large content in pieces, as a file is read. */
const streamed = (content: Buffer) =>
  Readable.from(
    (function* pieces() {
      for (let at = 0; at < content.length; at += 50_000) yield content.subarray(at, at + 50_000);
    })(),
    { objectMode: false },
  );

const KEYS = [
  'plain',
  'ünï/cödé/日本/😀'.normalize('NFC'),
  'ünï/cödé'.normalize('NFD'),
  '../..//a/./b/..',
  '/leading',
  'double//slash/',
  '%41%2F%zz',
  'a+b c',
  'line\nfeed\ttab',
  '!*\'()$&,:;=@?#[]{}|\\^`"<>~',
  'k'.repeat(1_024),
];

/** By the path as it is written: `fetch` would take `..` out of it. */
const rawRequest = (method: string, url: string, body?: Buffer, headers: Record<string, string> = {}) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const path = url.slice(url.indexOf('/', 'http://'.length));
    httpRequest({ host: '127.0.0.1', port: s3.port, method, path, headers }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    })
      .on('error', reject)
      .end(body);
  });

describe('the SDK', () => {
  it.each(KEYS)('puts and gets the key %j', async (key) => {
    await put(key, { Body: key });
    expect(stored(key)).toMatchObject({ content: Buffer.from(key), accessKeyId: KEY.id, checksum: 'CRC32' });
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: key }));
    expect(await Body?.transformToString()).toBe(key);
  });

  it.each(KEYS)('presigns the key %j', async (key) => {
    const command = { Bucket: 'bucket', Key: `signed ${key}` };
    const putUrl = await getSignedUrl(client, new PutObjectCommand(command), { expiresIn: 60 });
    expect((await rawRequest('PUT', putUrl, Buffer.from('content'))).status).toBe(200);
    expect(stored(command.Key).accessKeyId).toBe(KEY.id);
    const getUrl = await getSignedUrl(client, new GetObjectCommand(command), { expiresIn: 60 });
    expect(await rawRequest('GET', getUrl)).toEqual({ status: 200, body: 'content' });
  });

  const content = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));

  it.each(CHECKSUM_ALGORITHMS)('puts bytes, and a stream of them, with %s', async (algorithm) => {
    const answer = await put('bytes', { Body: content, ChecksumAlgorithm: algorithm });
    expect(stored('bytes')).toMatchObject({ payload: 'sha256', checksum: algorithm });
    expect(answer[`Checksum${algorithm}`]).toMatch(/=$|^[\w+/]+$/);
    await put('stream', { Body: streamed(content), ContentLength: content.length, ChecksumAlgorithm: algorithm });
    expect(stored('stream')).toMatchObject({ payload: 'unsigned-chunks', checksum: algorithm });
    expect(stored('stream').content.equals(content)).toBe(true);
  });

  it('puts a stream as it does by itself, and nothing', async () => {
    await put('stream', { Body: streamed(content), ContentLength: content.length });
    expect(stored('stream')).toMatchObject({ payload: 'unsigned-chunks', checksum: 'CRC32' });
    expect(stored('stream').content.equals(content)).toBe(true);
    await put('nothing', { Body: '', ContentLength: 0 });
    expect(stored('nothing').content.length).toBe(0);
  });

  it('puts without a checksum, and with an MD5', async () => {
    const plain = connect({ requestChecksumCalculation: 'WHEN_REQUIRED' });
    await put('plain', { Body: 'hello', ContentMD5: 'XUFAKrxLKna5cZ2REBfFkg==' }, plain);
    expect(stored('plain')).toMatchObject({ content: Buffer.from('hello'), checksum: undefined });
    const wrong = put('wrong', { Body: 'hello!', ContentMD5: 'XUFAKrxLKna5cZ2REBfFkg==' }, plain);
    await expect(wrong).rejects.toMatchObject({ name: 'BadDigest', $metadata: { httpStatusCode: 400 } });
    expect(s3.objects.has('bucket/wrong')).toBe(false);
  });

  it('puts metadata that is not ASCII, sent as UTF-8 or as Latin-1', async () => {
    for (const Body of ['x', Buffer.from('x'), streamed(content)]) {
      await put('metadata', {
        Body,
        ContentLength: Body instanceof Readable ? content.length : 1,
        Metadata: { name: 'Zürich' },
      });
      const sent = String(stored('metadata').headers['x-amz-meta-name']);
      expect(['Zürich', Buffer.from('Zürich').toString('latin1')]).toContain(sent);
    }
  });

  it('is told why it is refused', async () => {
    const refused = (config: S3ClientConfig) => put('refused', { Body: 'x' }, connect(config));
    const credentials = (accessKeyId: string, secretAccessKey: string) => ({
      credentials: { accessKeyId, secretAccessKey },
    });
    await expect(refused(credentials(KEY.id, 'another'))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    await expect(refused(credentials('nobody', KEY.secret))).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
    await expect(refused({ systemClockOffset: 20 * 60_000 })).rejects.toMatchObject({ name: 'RequestTimeTooSkewed' });
    const session = { credentials: { accessKeyId: KEY.id, secretAccessKey: KEY.secret, sessionToken: 'x' } };
    await expect(refused(session)).rejects.toMatchObject({ name: 'InvalidToken' });
    expect(s3.objects.has('bucket/refused')).toBe(false);
  });

  it.each<[string, (headers: Record<string, string>) => void, string]>([
    ['a signed header', (headers) => (headers['x-amz-meta-a'] = 'changed'), 'SignatureDoesNotMatch'],
    ['a header more', (headers) => (headers['x-amz-acl'] = 'public-read'), 'AccessDenied'],
    ['the digest', (headers) => (headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'), 'SignatureDoesNotMatch'],
  ])('is refused when somebody changes %s on the way', async (_, change, name) => {
    const attacked = connect();
    const { requestHandler } = attacked.config;
    const send = requestHandler.handle.bind(requestHandler);
    requestHandler.handle = (request, options) => {
      change(request.headers);
      return send(request, options);
    };
    await expect(put('changed', { Body: 'x', Metadata: { a: 'b' } }, attacked)).rejects.toMatchObject({ name });
    expect(s3.objects.has('bucket/changed')).toBe(false);
  });
});

describe('a presigned URL', () => {
  it('is worth nothing when it was changed or has expired', async () => {
    const command = new GetObjectCommand({ Bucket: 'bucket', Key: 'k', ResponseContentType: 'text/plain' });
    const url = await getSignedUrl(client, command, { expiresIn: 60 });
    const changed = [url.replace('text%2Fplain', 'text%2Fhtml'), url.replace('/k?', '/l?'), `${url}&versionId=1`];
    for (const other of changed)
      expect((await rawRequest('GET', other)).body).toContain('<Code>SignatureDoesNotMatch</Code>');
    const signingDate = new Date(Date.now() - 61_000);
    const old = await getSignedUrl(client, command, { expiresIn: 60, signingDate });
    expect((await rawRequest('GET', old)).body).toContain('<Message>Request has expired</Message>');
  });

  it('says what headers would say, but for the checksum of the body, which it cannot know', async () => {
    const command = new PutObjectCommand({
      Bucket: 'bucket',
      Key: 'hoisted',
      ACL: 'public-read',
      Metadata: { a: 'ü b' },
    });
    const url = await getSignedUrl(client, command, { expiresIn: 60 });
    expect(url).toContain('x-amz-checksum-crc32=');
    expect((await rawRequest('PUT', url, Buffer.from('content'))).status).toBe(200);
    const hoisted = Object.entries(stored('hoisted').headers).filter(([name]) => name.startsWith('x-amz-'));
    expect(hoisted).toEqual([
      ['x-amz-acl', 'public-read'],
      ['x-amz-meta-a', 'ü b'],
    ]);
  });

  it('may ask for headers', async () => {
    const command = new PutObjectCommand({ Bucket: 'bucket', Key: 'typed', ContentType: 'text/plain' });
    const url = await getSignedUrl(client, command, { expiresIn: 60, signableHeaders: new Set(['content-type']) });
    const send = (type: string) => rawRequest('PUT', url, Buffer.from('x'), { 'content-type': type });
    expect([(await send('text/plain')).status, (await send('text/html')).status]).toEqual([200, 403]);
  });
});

describe('a presigned form', () => {
  const form = async (file: string, change: Record<string, string> = {}) => {
    const { fields } = await createPresignedPost(client, {
      Bucket: 'bucket',
      Key: 'form/${filename}',
      Conditions: [
        ['content-length-range', 1, 10],
        ['starts-with', '$Content-Type', 'text/'],
      ],
      Fields: { 'Content-Type': 'text/plain' },
      Expires: 60,
    });
    const body = new FormData();
    for (const [name, value] of Object.entries({ ...fields, key: 'form/a', ...change })) body.append(name, value);
    body.append('file', new Blob([file]), 'a');
    const response = await fetch(`http://127.0.0.1:${s3.port}/bucket`, { method: 'POST', body });
    return { status: response.status, body: await response.text() };
  };

  it('puts a file as its policy allows', async () => {
    expect(await form('hello')).toEqual({ status: 204, body: '' });
    expect(stored('form/a')).toMatchObject({ content: Buffer.from('hello'), accessKeyId: KEY.id });
    expect((await form('hello world')).body).toContain('EntityTooLarge');
    expect((await form('x', { 'Content-Type': 'image/png' })).body).toContain('Policy Condition failed');
    expect((await form('x', { acl: 'public-read' })).body).toContain('Extra input fields: acl');
  });
});
