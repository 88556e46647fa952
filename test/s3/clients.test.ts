import { execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { s3Of } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';
import { eventually } from '../support/wait.ts';

const run = promisify(execFile);
/** Decided once: a machine without a client counts what needs it as skipped. */
const has = (program: string) => spawnSync(program, ['--version']).error === undefined && program !== '';
const AWS = ['/usr/bin/aws', 'aws'].find((each) => spawnSync(each, ['--version']).status === 0) ?? '';
const FILES = 200;

let folder: string;
let database: TestDatabase;
let daemon: TestDaemon;
let keys: TestS3;
let start: () => Promise<TestDaemon>;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'miniaws-s3-clients-'));
  database = await freshDatabase();
  const dataDir = join(folder, 'data');
  start = () => startDaemon({ engine: 'simulated', database, dataDir });
  daemon = await start();
  await known();
  for (let i = 0; i < FILES; i++) {
    const place = join(folder, 'tree', `d${i % 7}`, i % 3 === 0 ? 'ümlaut %20 dir' : 'plain');
    await mkdir(place, { recursive: true });
    await writeFile(join(place, `file ${i}.bin`), randomBytes(1 + ((i * 997) % 40_000)));
  }
  await writeFile(join(folder, 'large.bin'), randomBytes(40 << 20));
});
afterAll(async () => {
  await daemon?.stop();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Each daemon has a port of its own. */
async function known(): Promise<void> {
  keys = await s3Of(daemon);
  env = {
    PATH: process.env['PATH'],
    HOME: folder,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_DEFAULT_REGION: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    RCLONE_CONFIG_M_TYPE: 's3',
    RCLONE_CONFIG_M_PROVIDER: 'Other',
    RCLONE_CONFIG_M_ENDPOINT: keys.endpoint,
    RCLONE_CONFIG_M_ACCESS_KEY_ID: keys.accessKeyId,
    RCLONE_CONFIG_M_SECRET_ACCESS_KEY: keys.secretAccessKey,
    RESTIC_PASSWORD: 'test',
    RESTIC_REPOSITORY: `s3:${keys.endpoint}/restic`,
    RESTIC_CACHE_DIR: join(folder, 'restic-cache'),
  };
}
const ran = async (program: string, ...words: string[]) =>
  (await run(program, words, { env, maxBuffer: 64 << 20 })).stdout;
const same = (a: string, b: string) => run('diff', ['-r', a, b]).then(() => true);

describe('clients that people have', { timeout: 180_000 }, () => {
  it.skipIf(AWS === '')('awscli: a bucket, a synced tree, parts, a shared link, and all of it deleted', async () => {
    const aws = (...words: string[]) => ran(AWS, '--endpoint-url', keys.endpoint, 's3', ...words);
    await aws('mb', 's3://awscli');
    await aws('sync', '--only-show-errors', join(folder, 'tree'), 's3://awscli/tree');
    expect(await aws('sync', join(folder, 'tree'), 's3://awscli/tree')).toBe('');
    await aws('cp', '--only-show-errors', join(folder, 'large.bin'), 's3://awscli/large.bin');
    const back = join(folder, 'awscli');
    await aws('sync', '--only-show-errors', 's3://awscli', back);
    expect(await same(join(folder, 'tree'), join(back, 'tree'))).toBe(true);
    expect(await same(join(folder, 'large.bin'), join(back, 'large.bin'))).toBe(true);
    const link = (await aws('presign', 's3://awscli/large.bin')).trim();
    const shared = Buffer.from(await (await fetch(link)).arrayBuffer());
    expect(shared.equals(await readFile(join(folder, 'large.bin')))).toBe(true);
    await aws('rb', '--force', 's3://awscli');
    expect(await aws('ls')).not.toContain('awscli');
  });

  it.skipIf(!has('rclone'))('rclone: what it copies it finds the same, by checksums', async () => {
    await ran('rclone', 'mkdir', 'm:rclone');
    await ran('rclone', 'copy', join(folder, 'tree'), 'm:rclone/tree');
    await ran('rclone', 'copyto', join(folder, 'large.bin'), 'm:rclone/large.bin');
    await ran('rclone', 'check', '--download', join(folder, 'tree'), 'm:rclone/tree');
    expect((await ran('rclone', 'lsf', '-R', '--files-only', 'm:rclone')).trim().split('\n')).toHaveLength(FILES + 1);
    await ran('rclone', 'purge', 'm:rclone');
  });

  it.skipIf(!has('s3cmd'))('s3cmd: a tree there and back', async () => {
    const host = keys.endpoint.replace('http://', '');
    const s3cmd = (...words: string[]) =>
      ran(
        's3cmd',
        '--no-ssl',
        `--host=${host}`,
        `--host-bucket=${host}`,
        `--access_key=${keys.accessKeyId}`,
        `--secret_key=${keys.secretAccessKey}`,
        '--region=local',
        ...words,
      );
    await s3cmd('mb', 's3://s3cmd');
    await s3cmd('sync', '--no-progress', `${join(folder, 'tree')}/`, 's3://s3cmd/tree/');
    await s3cmd('put', '--no-progress', join(folder, 'large.bin'), 's3://s3cmd/large.bin');
    const back = join(folder, 's3cmd');
    await mkdir(back);
    await s3cmd('sync', '--no-progress', 's3://s3cmd/tree/', `${back}/`);
    expect(await same(join(folder, 'tree'), back)).toBe(true);
    await s3cmd('del', '--recursive', '--force', 's3://s3cmd');
    await s3cmd('rb', 's3://s3cmd');
  });

  it.skipIf(!has('restic'))(
    'restic: a repository survives the death of the daemon in the middle of a backup',
    async () => {
      await ran('restic', 'init', '-q');
      await ran('restic', 'backup', '-q', join(folder, 'tree'));
      const broken = spawn('restic', ['backup', '-q', join(folder, 'large.bin')], { env, stdio: 'ignore' });
      const ended = new Promise((resolve) => broken.once('close', resolve));
      const packs = async () =>
        Number((await run('du', ['-sb', join(daemon.dataDir, 'objects')])).stdout.split('\t')[0]);
      const before = await packs();
      await eventually('some of the backup to have come', async () => (await packs()) > before + (4 << 20));
      await daemon.kill();
      broken.kill('SIGKILL');
      await ended;
      daemon = await start();
      await known();
      await ran('restic', 'unlock', '-q');
      await ran('restic', 'backup', '-q', join(folder, 'large.bin'), join(folder, 'tree'));
      await truncate(join(folder, 'large.bin'), 30 << 20);
      await ran('restic', 'backup', '-q', join(folder, 'large.bin'), join(folder, 'tree'));
      await ran('restic', 'check', '-q', '--read-data');
      const back = join(folder, 'restored');
      await ran('restic', 'restore', '-q', 'latest', '--target', back);
      expect(await same(join(folder, 'tree'), join(back, folder, 'tree'))).toBe(true);
      expect(await same(join(folder, 'large.bin'), join(back, folder, 'large.bin'))).toBe(true);
    },
  );
});
