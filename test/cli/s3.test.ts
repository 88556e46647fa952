import {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { truncateSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { kubeconfigText } from '../../src/base/kubeconfig-text.ts';
import { partFileOf } from '../../src/kinds/bucket/cli/local-target.ts';
import { S3 } from '../../src/kinds/bucket/cli/sdk.ts';
import { download } from '../../src/kinds/bucket/cli/transfer/download.ts';
import { upload } from '../../src/kinds/bucket/cli/transfer/upload.ts';
import { asKey } from '../support/keys.ts';
import type { Endpoint } from '../support/http.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { s3Client, s3Of } from '../support/s3.ts';
import { run } from './support.ts';
import type { Ran } from './support.ts';

let daemon: TestDaemon;
let s3: S3Client;
let scratch: string;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  s3 = s3Client(await s3Of(daemon));
  scratch = await mkdtemp(join(tmpdir(), 'miniaws-s3-'));
});
afterAll(async () => {
  s3?.destroy();
  await daemon?.stop();
  await rm(scratch, { recursive: true, force: true });
});

const miniaws = (...args: string[]): Promise<Ran> => run(['s3', ...args], { kubeconfig: daemon.kubeconfigPath });

let made = 0;
async function bucket(): Promise<string> {
  const name = `bucket-${++made}`;
  expect(await miniaws('mb', `s3://${name}`)).toEqual({ code: 0, out: `make_bucket: ${name}\n`, err: '' });
  return name;
}
const folder = () => mkdtemp(join(scratch, 'folder-'));

async function tree(files: Record<string, string | Buffer>): Promise<string> {
  const root = await folder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, name, '..'), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

const put = (Bucket: string, Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket, Key, Body }));
const head = (Bucket: string, Key: string) => s3.send(new HeadObjectCommand({ Bucket, Key }));
const text = async (Bucket: string, Key: string) =>
  (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString();
const keys = async (Bucket: string) =>
  ((await s3.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []).map(({ Key }) => Key!);

describe('miniaws s3, as awscli has it', () => {
  it('cp: a file up, down, across, by the standard input and output; described as it is said', async () => {
    const name = await bucket();
    const root = await tree({ 'a b.txt': 'hello' });
    const file = join(root, 'a b.txt');
    const flags = ['--metadata', 'By=me,for=you', '--cache-control', 'no-cache'];
    expect(await miniaws('cp', file, `s3://${name}/dir/`, ...flags)).toEqual({
      code: 0,
      out: `upload: ${file} to s3://${name}/dir/a b.txt\n`,
      err: '',
    });
    expect(await head(name, 'dir/a b.txt')).toMatchObject({
      ContentType: 'text/plain',
      CacheControl: 'no-cache',
      Metadata: { by: 'me', for: 'you' },
    });
    const to = join(root, 'down', 'down.txt');
    expect((await miniaws('cp', `s3://${name}/dir/a b.txt`, to)).out).toBe(
      `download: s3://${name}/dir/a b.txt to ${to}\n`,
    );
    expect(await readFile(to, 'utf8')).toBe('hello');
    const { LastModified } = await head(name, 'dir/a b.txt');
    expect((await stat(to)).mtime).toEqual(LastModified);
    expect(await readdir(join(root, 'down'))).toEqual(['down.txt']);
    await miniaws('cp', `s3://${name}/dir/a b.txt`, `s3://${name}/copy`, '--content-type', 'x/y');
    expect(await head(name, 'copy')).toMatchObject({ ContentType: 'x/y', Metadata: { by: 'me', for: 'you' } });
    const piped = await run(['s3', 'cp', '-', `s3://${name}/piped`], {
      kubeconfig: daemon.kubeconfigPath,
      stdin: 'from a pipe',
    });
    expect(piped).toEqual({ code: 0, out: '', err: '' });
    expect(await miniaws('cp', `s3://${name}/piped`, '-')).toEqual({ code: 0, out: 'from a pipe', err: '' });
    expect(await miniaws('cp', `s3://${name}/none`, to)).toMatchObject({
      code: 1,
      err: `error: s3://${name}/none: NotFound: there is no such object\n`,
    });
    expect(await readFile(to, 'utf8')).toBe('hello');
  });

  it('ls, du, presign, rm, mv, rb', async () => {
    const name = await bucket();
    await put(name, 'one', '1');
    await put(name, 'dir/two', '22');
    await put(name, 'dir/sub/three', '333');
    const when = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d';
    expect((await miniaws('ls')).out).toMatch(new RegExp(`^${when} ${name}$`, 'm'));
    expect((await miniaws('ls', `s3://${name}`)).out).toMatch(
      new RegExp(`^ {27}PRE dir/\n${when} {10} 1 one\n$`.replace(' {10} 1', ' +1')),
    );
    expect((await miniaws('ls', `s3://${name}/dir/`, '--recursive', '--summarize')).out).toMatch(
      new RegExp(`^${when} {10}3 dir/sub/three\n${when} {10}2 dir/two\n\nTotal Objects: 2\n   Total Size: 5\n$`),
    );
    expect(await miniaws('ls', `s3://${name}/nothing`)).toMatchObject({ code: 1 });
    expect((await miniaws('du', `s3://${name}/dir`)).out).toMatch(/^ +5 +2 objects /);
    const link = (await miniaws('presign', `s3://${name}/dir/two`, '--expires-in', '1h')).out.trim();
    expect(link).toMatch(/X-Amz-Expires=3600/);
    expect(await (await fetch(link)).text()).toBe('22');
    const forPut = (await miniaws('presign', `s3://${name}/new`, '--method', 'put')).out.trim();
    expect((await fetch(forPut, { method: 'PUT', body: 'new' })).status).toBe(200);
    const root = await folder();
    expect((await miniaws('mv', `s3://${name}/new`, `${root}/`)).out).toBe(`move: s3://${name}/new to ${root}/new\n`);
    expect(await readFile(join(root, 'new'), 'utf8')).toBe('new');
    await miniaws('mv', join(root, 'new'), `s3://${name}/old`);
    expect([await readdir(root), await text(name, 'old')]).toEqual([[], 'new']);
    expect(await miniaws('mv', `s3://${name}/old`, `s3://${name}/`)).toMatchObject({
      code: 1,
      err: `error: s3://${name}/old cannot be moved onto itself\n`,
    });
    expect(
      (await miniaws('rm', `s3://${name}/dir`, '--recursive', '--exclude', '*', '--include', 's*', '--dry-run')).out,
    ).toBe(`(dryrun) delete: s3://${name}/dir/sub/three\n`);
    expect((await miniaws('rm', `s3://${name}/dir`, '--recursive', '--exclude', 's*')).out).toBe(
      `delete: s3://${name}/dir/two\n`,
    );
    expect(await keys(name)).toEqual(['dir/sub/three', 'old', 'one']);
    expect(await miniaws('rb', `s3://${name}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('BucketNotEmpty'),
    });
    await s3.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: 'Enabled' } }));
    await put(name, 'one', 'again');
    await miniaws('rm', `s3://${name}/one`);
    expect((await miniaws('du', `s3://${name}`, '--versions')).out).toMatch(/^ +12 +4 objects /);
    expect(await miniaws('rb', `s3://${name}`, '--force')).toMatchObject({ code: 0, err: '' });
    expect((await miniaws('ls')).out).not.toContain(name);
  });

  it('files and folders by the hundred: synced with odd names, both ways, and only what differs', async () => {
    const name = await bucket();
    const odd = [
      'caf\u00e9',
      'cafe\u0301',
      'a b',
      '100%',
      '%41',
      'plus+',
      "quote'",
      '#hash?x=1&y',
      'a-b',
      'a/c',
      'ab',
      '\u{1F600}',
    ];
    const names = [...odd, ...Array.from({ length: 188 }, (_, i) => `many/${i % 7}/${i}`)].toSorted();
    const root = await tree(Object.fromEntries(names.map((each) => [each, `of ${each}`])));
    const dry = await miniaws('sync', root, `s3://${name}/tree`, '--dry-run');
    expect([dry.code, dry.out.trim().split('\n').length, await keys(name)]).toEqual([0, 200, []]);
    const first = await miniaws('sync', root, `s3://${name}/tree`);
    expect([first.code, first.err, first.out.trim().split('\n').length]).toEqual([0, '', 200]);
    expect((await keys(name)).toSorted()).toEqual(names.map((each) => `tree/${each}`).toSorted());
    expect(await miniaws('sync', root, `s3://${name}/tree`)).toEqual({ code: 0, out: '', err: '' });
    await writeFile(join(root, 'caf\u00e9'), 'other');
    await rm(join(root, 'a-b'));
    await rm(join(root, '100%'));
    expect((await miniaws('sync', root, `s3://${name}/tree`, '--delete', '--exclude', '100*', '--dryrun')).out).toBe(
      `(dryrun) delete: s3://${name}/tree/a-b\n(dryrun) upload: ${root}/caf\u00e9 to s3://${name}/tree/caf\u00e9\n`,
    );
    expect((await miniaws('sync', root, `s3://${name}/tree`, '--delete', '--exclude', '100*')).code).toBe(0);
    expect(await text(name, 'tree/caf\u00e9')).toBe('other');
    expect(await keys(name)).toHaveLength(199);

    const down = join(await folder(), 'new', 'folder');
    expect(await miniaws('sync', `s3://${name}/tree`, down)).toMatchObject({ code: 0, err: '' });
    expect(await readFile(join(down, 'cafe\u0301'), 'utf8')).toBe('of cafe\u0301');
    expect(await readFile(join(down, '100%'), 'utf8')).toBe('of 100%');
    expect(await miniaws('sync', `s3://${name}/tree`, down)).toEqual({ code: 0, out: '', err: '' });
    expect(await miniaws('sync', down, `s3://${name}/tree`)).toEqual({ code: 0, out: '', err: '' });
    await utimes(join(down, 'ab'), 1_000, 1_000);
    expect((await miniaws('sync', `s3://${name}/tree`, down)).out).toBe('');
    const exact = await miniaws('sync', `s3://${name}/tree`, down, '--exact-timestamps');
    expect(exact.out).toBe(`download: s3://${name}/tree/ab to ${down}/ab\n`);
    await writeFile(join(down, 'ours'), '');
    expect((await miniaws('sync', `s3://${name}/tree`, down, '--delete')).out).toBe(`delete: ${down}/ours\n`);
    const across = await bucket();
    expect((await miniaws('sync', `s3://${name}/tree/many/6`, `s3://${across}`)).out.trim().split('\n')).toHaveLength(
      26,
    );
    expect(await text(across, '13')).toBe('of many/6/13');
  }, 30_000);

  it('a key that is no path below the folder, or leads out of it, is told and not written; the others are', async () => {
    const name = await bucket();
    const bad = ['../up', '/rooted', 'a//b', 'c/./d', 'link/out'];
    for (const key of [...bad, 'good']) await put(name, key, 'x');
    const root = join(await folder(), 'target');
    await mkdir(root);
    await symlink('..', join(root, 'link'));
    const ran = await miniaws('cp', `s3://${name}`, root, '--recursive');
    expect(ran).toMatchObject({ code: 1, out: `download: s3://${name}/good to ${root}/good\n` });
    expect(ran.err.trim().split('\n')).toHaveLength(bad.length + 1);
    for (const key of bad) expect(ran.err).toContain(`download failed: s3://${name}/${key} to `);
    expect([await readdir(root), await readdir(join(root, '..'))]).toEqual([['good', 'link'], ['target']]);
  });

  it('symbolic links are followed, loops told; what cannot be read at the source is not deleted at the target', async () => {
    const name = await bucket();
    const root = await tree({ 'dir/file': '1' });
    await symlink('dir', join(root, 'again'));
    await symlink('..', join(root, 'dir', 'loop'));
    await symlink('nowhere', join(root, 'broken'));
    await put(name, 'broken', 'kept');
    await put(name, 'other', 'x');
    const ran = await miniaws('sync', root, `s3://${name}`, '--delete');
    expect(ran.code).toBe(2);
    expect(ran.err).toContain(`skipping ${root}/dir/loop: it is a symbolic link to a folder that it is in`);
    expect(await keys(name)).toEqual(['again/file', 'broken', 'dir/file']);
    const without = await miniaws('sync', root, `s3://${name}`, '--exclude', 'broken', '--exclude', '*loop');
    expect(without).toEqual({ code: 0, out: '', err: '' });
  });
});

describe('what breaks off goes on', () => {
  /** Three parts. */
  const LARGE = randomBytes(17 << 20);
  /** Seven: three are on their way at once, and two uploads of it are broken off. */
  const LARGER = Buffer.concat([LARGE, LARGE, LARGE]);
  const connect = async (signal: AbortSignal) =>
    new S3({ ...(await s3Of(daemon)), region: 'us-east-1', trust: {}, requestTimeoutMs: 0, signal });
  /** Ends after so many tellings that something has moved. */
  function endingAfter(times: number) {
    const end = new AbortController();
    let left = times;
    const moved = () => void (--left === 0 && end.abort());
    return { signal: end.signal, told: { moved, note: () => undefined } };
  }
  const partsOf = async (Bucket: string, Key: string) => {
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    const UploadId = Uploads[0]!.UploadId;
    const { Parts = [] } = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    return Parts.map(({ PartNumber, LastModified }) => `${PartNumber} ${LastModified?.toISOString()}`);
  };

  it('an upload sends the parts that are not there', async () => {
    const name = await bucket();
    const file = join(await tree({ large: LARGER }), 'large');
    const to = { at: 's3', bucket: name, key: 'large' } as const;
    const broken = endingAfter(1);
    const client = await connect(broken.signal);
    await expect(upload(client, file, to, {}, broken.told)).rejects.toThrow(/abort/i);
    client.close();
    const there = await partsOf(name, 'large');
    expect(there.length).toBeGreaterThanOrEqual(1);
    const again = endingAfter(there.length + 1);
    const second = await connect(again.signal);
    await expect(upload(second, file, to, {}, again.told)).rejects.toThrow(/abort/i);
    second.close();
    const then = await partsOf(name, 'large');
    expect(then).toEqual(expect.arrayContaining(there));
    expect(await keys(name)).toEqual([]);
    const ran = await miniaws('cp', file, `s3://${name}/large`, '--content-type', 'x/large');
    expect(ran).toMatchObject({ code: 0, out: `upload: ${file} to s3://${name}/large\n` });
    // What was on its way may have come since.
    const [, parts] = /resuming: (\d) of 7 parts are there\n$/.exec(ran.err) ?? [];
    expect(Number(parts)).toBeGreaterThanOrEqual(then.length);
    expect((await head(name, 'large')).ContentType).toBe('x/large');
    const back = `${file}-back`;
    await miniaws('cp', `s3://${name}/large`, back);
    expect((await readFile(back)).equals(LARGER)).toBe(true);
  }, 30_000);

  it('a download asks for the bytes that are not there, and begins anew where those that are there are wrong', async () => {
    const name = await bucket();
    const file = join(await tree({ large: LARGE }), 'large');
    await miniaws('cp', file, `s3://${name}/large`);
    const from = { at: 's3', bucket: name, key: 'large' } as const;
    const to = join(await folder(), 'large');
    const broken = endingAfter(3);
    const client = await connect(broken.signal);
    await expect(download(client, from, to, broken.told)).rejects.toThrow(/abort/i);
    const { etag } = await (await connect(new AbortController().signal)).head(from);
    const beside = partFileOf(to, etag);
    const { size } = await stat(beside);
    expect(size).toBeGreaterThan(0);
    expect(await readdir(join(to, '..'))).toEqual([basename(beside)]);
    expect((await miniaws('cp', `s3://${name}/large`, to)).err).toBe(
      `s3://${name}/large: resuming: ${size} of ${LARGE.length} bytes are there\n`,
    );
    expect((await readFile(to)).equals(LARGE)).toBe(true);
    await writeFile(beside, 'wrong');
    expect((await miniaws('cp', `s3://${name}/large`, to)).err).toContain('it is downloaded anew');
    expect((await readFile(to)).equals(LARGE)).toBe(true);
    expect(await readdir(join(to, '..'))).toEqual(['large']);
  }, 30_000);

  it('a file that changes while it is sent is told, and not put', async () => {
    const name = await bucket();
    const file = join(await tree({ large: LARGE }), 'large');
    const client = await connect(new AbortController().signal);
    const told = { moved: () => truncateSync(file, 1), note: () => undefined };
    const sent = upload(client, file, { at: 's3', bucket: name, key: 'large' }, {}, told);
    await expect(sent).rejects.toThrow('the file changed while it was sent');
    client.close();
    expect(await keys(name)).toEqual([]);
  });
});

describe('a key', () => {
  const kubeconfigOf = async ({ url, ca, token }: Endpoint): Promise<string> => {
    const path = join(await folder(), 'kubeconfig');
    await writeFile(path, kubeconfigText({ context: 'it', user: 'it', server: url, ca, token }));
    return path;
  };

  it('of one folder puts there, large files too, and has no whole bucket checked', async () => {
    const name = await bucket();
    await put(name, 'other', 'x');
    const rules = [
      { verbs: ['get', 'list'], resources: ['buckets'] },
      { verbs: ['update'], resources: ['buckets/objects'], resourceNames: [`${name}/in/*`] },
    ];
    const kubeconfig = await kubeconfigOf(await asKey(daemon, 'narrow', { rules }));
    const file = join(await tree({ large: Buffer.alloc(9 << 20) }), 'large');
    expect(await run(['s3', 'cp', file, `s3://${name}/in/`], { kubeconfig })).toMatchObject({ code: 0, err: '' });
    const refused = await run(['s3', 'cp', file, `s3://${name}/out`], { kubeconfig });
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/^upload failed: .* AccessDenied: /);
    const checked = await run(['s3', 'check', name], { kubeconfig });
    expect(checked).toMatchObject({ code: 1, err: expect.stringContaining('cannot get resource "buckets/objects"') });
    expect(await keys(name)).toEqual(['in/large', 'other']);
  });
});

describe('miniaws s3 check', () => {
  it('has every version read, and tells what is damaged', async () => {
    const name = await bucket();
    await s3.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: 'Enabled' } }));
    const size = 123_457;
    await put(name, 'cut', 'x'.repeat(size));
    await put(name, 'cut', 'newer');
    await put(name, 'good', 'good');
    expect(await miniaws('check', name)).toEqual({ code: 0, out: `s3://${name}: 3 objects, 121Ki: as put\n`, err: '' });
    const root = join(daemon.dataDir, 'objects');
    for (const each of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(each.parentPath, each.name);
      if (each.isFile() && (await stat(path)).size === size) await truncate(path, size - 1);
    }
    const ran = await miniaws('check', `s3://${name}`);
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(
      new RegExp(
        `^damaged: s3://${name}/cut \\(version [0-9a-f]{32}, not the newest\\): .+\ns3://${name}: 3 objects, .*: 1 damaged\n$`,
      ),
    );
    expect((await miniaws('check')).code).toBe(1);
    expect(await miniaws('check', 'no-such-bucket')).toMatchObject({
      code: 1,
      err: 'error: there is no bucket no-such-bucket that this key may see\n',
    });
  });
});

it('over https, the certificate is checked by the authority in the kubeconfig; what is set for AWS is not looked at', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1');
  vi.stubEnv('AWS_PROFILE', 'of-another-cloud');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'other');
  vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true');
  vi.stubEnv('AWS_MAX_ATTEMPTS', 'none');
  const secure = await startDaemon({ engine: 'simulated', env: { MINIAWS_S3_TLS: 'yes' } });
  try {
    const options = { kubeconfig: secure.kubeconfigPath };
    expect(await run(['s3', 'mb', 's3://by-tls'], options)).toMatchObject({ code: 0, err: '' });
    const { out } = await run(['s3', 'presign', 's3://by-tls/k'], options);
    expect(out).toMatch(/^https:/);
    expect((await run(['s3', 'ls'], options)).out).toMatch(/ by-tls\n$/);
  } finally {
    vi.unstubAllEnvs();
    await secure.stop();
  }
});
