import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataFolderAt, openDataFolder } from '../../src/host/data-folder.ts';
import { findEmbeddedPostgres, removeEmbeddedPostgres } from '../../src/host/embedded-postgres.ts';
import { startOldPostgres } from '../host/support/old-postgres.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { databaseForTest } from '../support/database.ts';
import { freePort } from '../../src/host/ports.ts';
import { PROGRAM } from '../support/program.ts';

let base: string;
let dir: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'miniaws-url-'));
  await chmod(base, 0o755);
  dir = join(base, 'data');
});
afterEach(async () => {
  await removeEmbeddedPostgres(dataFolderAt(dir));
  await rm(base, { recursive: true });
});

const databaseUrl = async (env: Record<string, string>, ...more: string[]): Promise<string> => {
  const words = [PROGRAM, 'database-url', ...more];
  const all = { ...process.env, MINIAWS_DATA_DIR: dir, DATABASE_URL: '', ...env };
  return (await promisify(execFile)(process.execPath, words, { env: all })).stdout.trim();
};
const serve = async (env: Record<string, string> = {}): Promise<TestDaemon> =>
  startDaemon({ engine: 'simulated', dataDir: dir, env: { DATABASE_URL: '', ...env } });

/** How many installations the database knows, asked as a client would. */
async function installationsBy(connectionString: string): Promise<unknown> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query("SELECT count(*)::int AS n FROM settings WHERE name = 'installation'")).rows[0];
  } finally {
    await client.end();
  }
}

describe('database-url', () => {
  it('prints how to connect to the embedded server, with the password in a file that only its owner reads', async () => {
    const daemon = await serve();
    try {
      const [url, full] = [await databaseUrl({}), await databaseUrl({}, '--with-password')];
      expect(await installationsBy(full)).toEqual({ n: 1 });
      const { password, searchParams } = new URL(url);
      expect(password).toBe('');
      // As libpq does; the client here knows the variable only.
      process.env['PGPASSFILE'] = searchParams.get('passfile') ?? '';
      expect(await installationsBy(url)).toEqual({ n: 1 });
      expect(await readFile(searchParams.get('passfile') ?? '', 'utf8')).toContain(new URL(full).password);
      expect(daemon.log()).not.toContain(new URL(full).password);
    } finally {
      delete process.env['PGPASSFILE'];
      await daemon.stop();
    }
  });

  it('of a configured database is that one, without its password unless that is asked for', async () => {
    const { url } = await databaseForTest();
    const shown = await databaseUrl({ DATABASE_URL: url });
    expect([shown, new URL(shown).password]).toEqual([url.replace(/:[^:@/]+@/, '@'), '']);
    expect(await databaseUrl({ DATABASE_URL: url }, '--with-password')).toBe(url);
  });

  it('starts nothing: without a database it says so', async () => {
    await expect(databaseUrl({})).rejects.toMatchObject({ stderr: expect.stringContaining('no database') as string });
    expect(await findEmbeddedPostgres(dataFolderAt(dir))).toBeUndefined();
  });
});

describe('the daemon', () => {
  it('takes a folder of an earlier release over: its database is open to no other user of the machine any more', async () => {
    const port = await freePort();
    await startOldPostgres(await openDataFolder(dir), port);
    const seed = `postgres://cloud:cloud@127.0.0.1:${port}/miniaws`;
    const daemon = await serve();
    try {
      await expect(installationsBy(seed)).rejects.toThrow(/ECONNREFUSED/);
      const url = await databaseUrl({}, '--with-password');
      expect(await installationsBy(url)).toEqual({ n: 1 });
      await expect(installationsBy(url.replace(/:[^:@]+@/, ':cloud@'))).rejects.toThrow(/authentication failed/);
    } finally {
      await daemon.stop();
    }
  });

  it('lets a developer in with the password that they chose', async () => {
    const port = await freePort();
    await startOldPostgres(await openDataFolder(dir), port);
    const daemon = await serve({ MINIAWS_DATABASE_PASSWORD: 'cloud' });
    try {
      expect(await installationsBy(`postgres://cloud:cloud@127.0.0.1:${port}/miniaws`)).toEqual({ n: 1 });
    } finally {
      await daemon.stop();
    }
  });
});
