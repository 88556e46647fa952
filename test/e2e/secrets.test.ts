import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { generateIdentity } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newMasterKey } from '../../src/base/keyring.ts';
import type { Secret } from '../../src/kinds/secret/types.ts';
import { run } from '../cli/support.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { call } from '../support/http.ts';
import type { Refusal } from '../support/http.ts';
import { PROGRAM } from '../support/program.ts';
import { sopsFile } from '../support/sops.ts';
import { eventually } from '../support/wait.ts';

/** Each is written in another way, and must be found nowhere but in the Secret's own answer. */
const PLANTED = [
  'pl4nted-by-post',
  'pl4nted-by-patch',
  'pl4nted-by-apply',
  'pl4nted-by-kubectl',
  'pl4nted-refused',
  'pl4nted-by-git',
];
const SECRETS = '/api/v1/namespaces/default/secrets';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

let database: TestDatabase;
let dataDir: string;
let daemon: TestDaemon;
let logs = '';

const start = () => startDaemon({ engine: 'simulated', database, dataDir, env: { MINIAWS_LOG_LEVEL: 'debug' } });
async function restart(): Promise<void> {
  await daemon.kill();
  logs += daemon.log();
  daemon = await start();
}
const secret = (name: string, more: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...more });
const read = async (name: string): Promise<Secret> => (await call(daemon, 'GET', `${SECRETS}/${name}`)).json<Secret>();
const valueOf = async (name: string, key: string): Promise<string> =>
  Buffer.from((await read(name)).data?.[key] ?? '', 'base64').toString('utf8');
const keyFile = () => join(dataDir, 'master.key');
const miniaws = (...words: string[]) => run(words, { kubeconfig: daemon.kubeconfigPath });

/** As it is, and in the base64 that it may be in anywhere within other text. */
const formsOf = (value: string): string[] => [
  value,
  ...[0, 1, 2].map((shift) =>
    Buffer.from(`${'x'.repeat(shift)}${value}`)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  ),
];
const foundIn = (text: string): string[] =>
  PLANTED.filter((value) => formsOf(value).some((form) => text.includes(form)));

async function everyRow(): Promise<string> {
  const tables = await database.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
  );
  const texts = await Promise.all(
    tables.map(({ name }) => database.query<{ row: string }>(`SELECT row_to_json(t)::text AS row FROM "${name}" t`)),
  );
  return texts
    .flat()
    .map(({ row }) => row)
    .join('\n');
}

async function everyFile(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

/** A command for the machine itself, to its end. */
const machine = (words: readonly string[], more: Record<string, string> = {}) =>
  promisify(execFile)(process.execPath, [PROGRAM, ...words], {
    env: { ...process.env, MINIAWS_DATA_DIR: dataDir, DATABASE_URL: database.url, ...more },
    timeout: 60_000,
  });

async function backup(file: string): Promise<string> {
  await machine(['backup', file]);
  return gunzipSync(await readFile(file)).toString('utf8');
}

beforeAll(async () => {
  database = await freshDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'miniaws-secrets-'));
  daemon = await start();
});
afterAll(async () => {
  await daemon?.stop();
  await database?.drop();
  await rm(dataDir, { recursive: true, force: true });
});

describe('the values of Secrets (I10)', () => {
  it('are written in every way that there is', async () => {
    const [post = '', patched = '', applied = '', kubectl = '', refused = ''] = PLANTED;
    const sent = await call(daemon, 'POST', SECRETS, { body: secret('one', { stringData: { a: post } }) });
    expect(sent.status).toBe(201);
    await call(daemon, 'PATCH', `${SECRETS}/one`, {
      body: { stringData: { b: patched } },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    await call(daemon, 'PATCH', `${SECRETS}/two?fieldManager=test`, {
      body: secret('two', { stringData: { a: applied } }),
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
    const last = JSON.stringify(secret('three', { stringData: { a: kubectl } }));
    const three = { ...secret('three', { stringData: { a: kubectl } }) };
    await call(daemon, 'POST', SECRETS, {
      body: { ...three, metadata: { name: 'three', annotations: { [LAST_APPLIED]: last } } },
    });
    for (const body of [
      secret('four', { data: { a: refused } }),
      secret('four', { stringData: { a: refused }, type: 'kubernetes.io/tls' }),
      secret('one', { stringData: { a: refused } }),
      secret('four', { stringData: { [refused.repeat(40)]: 'x' }, sizeless: refused }),
      `{"apiVersion":"v1","kind":"Secret","stringData":{"a":"${refused}"`,
    ]) {
      const answer = await call(daemon, 'POST', SECRETS, { body });
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
    const conflict = await call(daemon, 'PATCH', `${SECRETS}/two?fieldManager=other`, {
      body: secret('two', { stringData: { a: refused } }),
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
    expect(conflict.status).toBe(409);
    expect(foundIn(JSON.stringify(conflict.json<Refusal>()))).toEqual([]);
    expect([await valueOf('one', 'a'), await valueOf('two', 'a')]).toEqual([post, applied]);
    expect((await read('three')).metadata.annotations?.[LAST_APPLIED]).toBe(last);
  });

  it('are decrypted out of a repository', async () => {
    const repository = await mkdtemp(join(tmpdir(), 'miniaws-encrypted-'));
    const [identity, planted = ''] = [await generateIdentity(), PLANTED[5]];
    const encrypted = await sopsFile([secret('five', { stringData: { a: planted } })], { identities: [identity] });
    await writeFile(join(repository, 'five.yaml'), encrypted);
    await call(daemon, 'POST', SECRETS, { body: secret('keys', { stringData: { 'home.agekey': identity } }) });
    const spec = { url: `file://${repository}`, decrypt: { secret: 'keys' } };
    const sync = { apiVersion: 'miniaws.dev/v1', kind: 'GitSync', metadata: { name: 'sealed' }, spec };
    const syncs = '/apis/miniaws.dev/v1/namespaces/default/gitsyncs';
    expect((await call(daemon, 'POST', syncs, { body: sync })).status).toBe(201);
    await eventually('the Secret', async () => (await valueOf('five', 'a')) === planted);
    expect((await call(daemon, 'DELETE', `${syncs}/sealed`)).status).toBeLessThan(300);
    await rm(repository, { recursive: true });
  });

  it('are cipher text in the database, its history and a backup, and nowhere in the data folder or the log', async () => {
    expect(foundIn(await everyRow())).toEqual([]);
    expect(foundIn(await backup(join(dataDir, 'backup.gz')))).toEqual([]);
    expect(foundIn(await everyFile(dataDir))).toEqual([]);
    expect(foundIn(logs + daemon.log())).toEqual([]);
    expect((await stat(keyFile())).mode & 0o777).toBe(0o600);
  });

  it('are in no answer but the Secret’s own, and in nothing that people compare or describe', async () => {
    const paths = [
      '/api/v1/events',
      '/apis/miniaws.dev/v1/reconcilelogs',
      '/api/v1/configmaps',
      '/openapi/v3/api/v1',
      '/metrics',
    ];
    const answers = await Promise.all(paths.map((path) => call(daemon, 'GET', path)));
    const table = await call(daemon, 'GET', SECRETS, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    expect(foundIn([...answers, table].map(({ text }) => text).join('\n'))).toEqual([]);
    const file = join(dataDir, 'one.yaml');
    await writeFile(file, 'apiVersion: v1\nkind: Secret\nmetadata: {name: one}\nstringData: {a: another, b: new}\n');
    const said = [
      await miniaws('diff', '--force-conflicts', '-f', file),
      await miniaws('describe', 'secrets'),
      await miniaws('get', 'secrets'),
    ];
    expect(said[0]?.out).toContain('a: "*** (before)"');
    expect(said[1]?.out).toMatch(/b: "?\*\*\*"?/);
    expect(foundIn(said.map(({ out, err }) => out + err).join('\n'))).toEqual([]);
    await rm(file);
  });

  it('are there again after a crash, and watchers that read the history get them', async () => {
    const before = (await read('one')).metadata.resourceVersion;
    await restart();
    expect(await valueOf('one', 'b')).toBe(PLANTED[1]);
    const from = Number(before) - 2;
    const seen = await call(daemon, 'GET', `${SECRETS}?watch=true&resourceVersion=${from}&timeoutSeconds=1`);
    expect(foundIn(seen.text)).toContain(PLANTED[1]);
  });
});

describe('the master key', () => {
  /** What the program says that cannot start. */
  const refusal = async (): Promise<string> => {
    const env = { MINIAWS_ENGINE: 'simulated', MINIAWS_LISTEN: '127.0.0.1:0' };
    const error: unknown = await machine(['serve'], env).catch((failed: unknown) => failed);
    return (error as { stderr?: string }).stderr ?? 'it started';
  };

  it('that is missing, or another one, is told at the start, and nothing is changed', async () => {
    await daemon.kill();
    const [safe, rows] = [join(dataDir, 'safe.key'), await everyRow()];
    await rename(keyFile(), safe);
    expect(await refusal()).toMatch(/is encrypted under master key [0-9a-f]{16}, and \S+master\.key does not hold it/);
    expect(existsSync(keyFile())).toBe(false);
    await writeFile(keyFile(), `${newMasterKey().key.toString('base64')}\n`, { mode: 0o600 });
    expect(await refusal()).toContain('does not hold it');
    await writeFile(keyFile(), 'no key\n', { mode: 0o600 });
    expect(await refusal()).toMatch(/master\.key, line 1: no master key: it is no base64/);
    expect(await everyRow()).toBe(rows);
    await rename(safe, keyFile());
    daemon = await start();
    expect(await valueOf('one', 'a')).toBe(PLANTED[0]);
  });

  it('is rotated while all goes on: everything is encrypted anew, and an older backup can be read', async () => {
    const before = await everyRow();
    const rotated = await miniaws('rotate-master-key');
    expect(rotated).toMatchObject({ code: 0, out: expect.stringMatching(/^master key [0-9a-f]{16}: [1-9]\d* rows/) });
    const idsIn = (text: string) =>
      new Set([...text.matchAll(/encrypted:v1:([0-9a-f]{16})/g)].map((match) => match[1]));
    const [old, now] = [idsIn(before), idsIn(await everyRow())];
    expect([old.size, now.size, [...old].some((id) => now.has(id))]).toEqual([1, 1, false]);
    await restart();
    expect([await valueOf('one', 'a'), await valueOf('two', 'a')]).toEqual([PLANTED[0], PLANTED[2]]);
    await daemon.kill();
    await machine(['restore', '--force', join(dataDir, 'backup.gz')]);
    daemon = await start();
    expect(await valueOf('three', 'a')).toBe(PLANTED[3]);
  });
});
