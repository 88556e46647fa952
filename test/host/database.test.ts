import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../../src/base/hash.ts';
import { silentLog } from '../../src/base/log.ts';
import { openDataFolder, type DataFolder } from '../../src/host/data-folder.ts';
import { findDatabase, locateDatabase, redactUrl, type Database } from '../../src/host/database.ts';
import { removeEmbeddedPostgres, startEmbeddedPostgres } from '../../src/host/embedded-postgres.ts';
import { recordInstallation } from '../../src/host/installation-record.ts';
import { newToken } from '../../src/base/token.ts';
import { writeKubeconfig } from '../../src/host/kubeconfig.ts';
import { migrateUp } from '../../src/store/migrate.ts';
import { startOldPostgres } from './support/old-postgres.ts';
import { freePort } from '../../src/host/ports.ts';

// Real servers and processes, on whatever machine this is.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const folders: { folder: DataFolder; base: string }[] = [];
const found: Database[] = [];

async function newFolder(): Promise<DataFolder> {
  const base = mkdtempSync(join(tmpdir(), 'miniaws-db-'));
  chmodSync(base, 0o755);
  const folder = await openDataFolder(join(base, 'data'));
  folders.push({ folder, base });
  return folder;
}

async function locate(dataFolder: DataFolder, defaultUrl: string, url?: string): Promise<Database> {
  const database = await locateDatabase({ dataFolder, log: silentLog, defaultUrl, url });
  found.push(database);
  return database;
}

const seedAt = (port: number): string => `postgres://cloud:cloud@localhost:${port}/miniaws`;

afterEach(async () => {
  for (const database of found.splice(0)) database.embedded?.detach();
  for (const { folder, base } of folders.splice(0)) {
    await removeEmbeddedPostgres(folder);
    rmSync(base, { recursive: true });
  }
});

describe('which database', () => {
  it('is the configured one, whether it answers or not', async () => {
    const url = 'postgresql://somebody:secret@127.0.0.1:1/x';
    expect(await locate(await newFolder(), seedAt(await freePort()), url)).toEqual({ url, source: 'configured' });
    await expect(locate(await newFolder(), seedAt(1), 'mysql://x:secret@y')).rejects.toThrow(
      /^DATABASE_URL is not of the form postgres:\/\/user:password@host:port\/database$/,
    );
  });

  it('is a new embedded one when none answers at the default, then the folder’s own', async () => {
    const folder = await newFolder();
    const defaultUrl = seedAt(await freePort());
    expect(await findDatabase({ dataFolder: folder, log: silentLog, defaultUrl })).toBeUndefined();
    const first = await locate(folder, defaultUrl);
    expect(first.source).toBe('embedded');
    await first.embedded?.stop();
    const second = await locate(folder, seedAt(await freePort()));
    expect([second.source, second.url, second.embedded?.adopted]).toEqual(['embedded', first.url, false]);
  });

  it('is a new one on another port when nothing answers at the default in 2 s', async () => {
    const mute = createServer(() => undefined);
    const port = await new Promise<number>((resolve) =>
      mute.listen(0, '127.0.0.1', () => resolve((mute.address() as { port: number }).port)),
    );
    try {
      expect((await locate(await newFolder(), seedAt(port))).source).toBe('embedded');
    } finally {
      mute.close();
    }
  });

  it('is never another data folder’s embedded server, not even one with the seed’s password on the seed’s port', async () => {
    const port = await freePort();
    const other = await startEmbeddedPostgres({
      dataFolder: await newFolder(),
      log: silentLog,
      seedPort: port,
      password: 'cloud',
    });
    expect((await locate(await newFolder(), seedAt(port))).source).toBe('embedded');
    await other.stop();
    await startOldPostgres(await newFolder(), port);
    expect((await locate(await newFolder(), seedAt(port))).source).toBe('embedded');
  });

  describe('at the default, a person’s own server', () => {
    let defaultUrl: string;
    beforeEach(async () => {
      const [folder, port] = [await newFolder(), await freePort()];
      await startOldPostgres(folder, port);
      // What tells a data folder's server from a person's.
      await rm(join(folder.postgres, 'server.json'));
      defaultUrl = seedAt(port);
      await migrateUp(defaultUrl, silentLog);
    });
    const query = async (sql: string, values: unknown[]): Promise<void> => {
      const client = new Client({ connectionString: defaultUrl });
      await client.connect();
      await client.query(sql, values);
      await client.end();
    };
    const hold = (installation: string) =>
      query("INSERT INTO settings (name, value) VALUES ('installation', $1)", [installation]);

    it('is it while it is nobody’s', async () => {
      expect(await locate(await newFolder(), defaultUrl)).toEqual({ url: defaultUrl, source: 'default' });
    });

    it('is it for the installation that it holds alone: by record, by configuration, or by the administrator’s key', async () => {
      await hold('theirs');
      const stranger = await newFolder();
      expect((await locate(stranger, defaultUrl)).source).toBe('embedded');
      const ours = await newFolder();
      const options = { dataFolder: ours, log: silentLog, defaultUrl };
      expect((await findDatabase({ ...options, installation: 'theirs' }))?.source).toBe('default');
      expect(await findDatabase({ ...options, installation: 'other' })).toBeUndefined();
      const token = newToken();
      await writeKubeconfig(ours.adminKubeconfig, { server: 'https://127.0.0.1:1', ca: '', token });
      expect(await findDatabase(options)).toBeUndefined();
      await query("INSERT INTO api_keys (id, key, name) VALUES (gen_random_uuid(), $1, 'admin')", [sha256(token)]);
      expect((await findDatabase(options))?.source).toBe('default');
      const recorded = await newFolder();
      await recordInstallation(recorded, { installation: 'theirs', database: 'default', engine: 'docker' });
      expect((await locate(recorded, defaultUrl)).source).toBe('default');
      await expect(locate(recorded, seedAt(await freePort()))).rejects.toThrow(/cannot be used now: ECONNREFUSED/);
    });
  });
});

describe('redactUrl', () => {
  it.each([
    ['postgres://cloud:s3cret@h:1/d', 'postgres://cloud:***@h:1/d'],
    ['postgres://h/d?user=x&password=s3cret&sslmode=require', 'postgres://h/d?user=x&password=***&sslmode=require'],
    ['postgres://h/d', 'postgres://h/d'],
    ['s3cret', '[not a URL]'],
  ])('I10: shows %s without its password', (url, shown) => expect(redactUrl(url)).toBe(shown));
});
