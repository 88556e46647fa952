import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { chmod, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isReady } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import { run } from '../cli/support.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { manifest, pathOf } from '../support/manifests.ts';
import { startS3 } from '../support/s3-daemon.ts';
import { eventually } from '../support/wait.ts';

const [BUCKET, KEY] = ['declared', 'site/index.html'];
const CONTENT = '<h1>Hello</h1>';

let daemon: TestDaemon;
let s3: S3Client;
let stop: (() => Promise<void>) | undefined;
beforeAll(async () => {
  ({ daemon, s3, stop } = await startS3());
  await post('buckets', manifest('Bucket', BUCKET, {}));
  await post('objects', manifest('Object', 'page', { bucket: BUCKET, key: KEY, content: CONTENT }));
  await ready('page');
});
afterAll(() => stop?.());

async function post(plural: string, body: object): Promise<void> {
  expect((await call(daemon, 'POST', pathOf(plural), { body })).text).toContain('"uid"');
}
const ready = (name: string) =>
  eventually(`object ${name} to be Ready`, async () =>
    isReady((await call(daemon, 'GET', pathOf('objects', name))).json<Resource>()),
  );
const read = async (key = KEY) =>
  (await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))).Body!.transformToString();

/** What is done to the file of which object, and why it is put back then. */
const TAMPERINGS: Record<string, { tamper: (path: string) => Promise<void>; why: string }> = {
  removed: { tamper: (path) => rm(path), why: 'the file was deleted' },
  truncated: { tamper: (path) => truncate(path, 5), why: 'its bytes are not what was put there' },
  changed: {
    tamper: (path) => writeFile(path, `!${contentOf('changed').slice(1)}`),
    why: 'its bytes are not what was put there',
  },
  opened: { tamper: (path) => chmod(path, 0o644), why: 'its mode is 0644 and not 0600' },
};
const contentOf = (name: string): string => `${name} ${'x'.repeat(100_000)}`;

/** The one with this content. */
async function fileOf(name: string): Promise<string> {
  const root = join(daemon.dataDir, 'objects');
  for (const found of await readdir(root, { recursive: true })) {
    const path = join(root, found);
    if ((await stat(path)).isFile() && (await readFile(path, 'utf8')) === contentOf(name)) return path;
  }
  throw new Error(`no file below ${root} has the content of ${name}`);
}
async function isWhole(path: string, name: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return (
    found?.isFile() === true && (found.mode & 0o777) === 0o600 && (await readFile(path, 'utf8')) === contentOf(name)
  );
}
/** What `miniaws` says. */
const said = async (...words: readonly string[]): Promise<string> =>
  (await run(words, { kubeconfig: daemon.kubeconfigPath })).out;

it('files of declared objects that somebody removes, truncates, changes or opens to all are put back, and log and events say why', async () => {
  const files = new Map<string, string>();
  for (const name of Object.keys(TAMPERINGS)) {
    await post('objects', manifest('Object', name, { bucket: BUCKET, key: name, content: contentOf(name) }));
    await ready(name);
    files.set(name, await fileOf(name));
  }
  for (const [name, path] of files) await TAMPERINGS[name]?.tamper(path);
  for (const [name, path] of files) {
    await eventually(`the file that was ${name} to be put back`, () => isWhole(path, name));
    expect(await read(name)).toBe(contentOf(name));
    const words = `write the file anew of s3://${BUCKET}/${name}: ${TAMPERINGS[name]?.why}`;
    await eventually(`the log to say: ${words}`, async () => (await said('log', `object/${name}`)).includes(words));
    await eventually(`an event to say: ${words}`, async () => (await said('events')).includes(words));
  }
});

describe('a declared object, to clients of S3', () => {
  it('is put back when they replace it', async () => {
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: KEY, Body: 'mine' }));
    await eventually('the object to be put back', async () => (await read()) === CONTENT);
    await eventually('the log to say why', async () =>
      (await said('log', 'object/page')).includes('somebody put another object under the key'),
    );
  });

  it('follows the Secret that its content comes from, and is gone with its document', async () => {
    const secret = (text: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'texts' },
      stringData: { robots: text },
    });
    const secrets = '/api/v1/namespaces/default/secrets';
    expect((await call(daemon, 'POST', secrets, { body: secret('one') })).status).toBe(201);
    const spec = { bucket: BUCKET, key: 'robots.txt', contentFrom: { secret: { name: 'texts', key: 'robots' } } };
    await post('objects', manifest('Object', 'robots', spec));
    await ready('robots');
    expect(await read('robots.txt')).toBe('one');
    await call(daemon, 'PUT', `${secrets}/texts`, { body: secret('two') });
    await eventually('the object to follow', async () => (await read('robots.txt')) === 'two');
    expect((await call(daemon, 'DELETE', pathOf('objects', 'robots'))).status).toBe(200);
    await eventually('the object to be gone', async () =>
      read('robots.txt').then(
        () => false,
        (error: Error) => error.name === 'NoSuchKey',
      ),
    );
  });
});
