import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { openDataFolder, type DataFolder } from '../../src/host/data-folder.ts';
import { locateDatabase, probe, redactUrl, type Database } from '../../src/host/database.ts';
import { removeEmbeddedPostgres } from '../../src/host/embedded-postgres.ts';
import { freePort } from './support/wait.ts';

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

  it('is a new embedded one at the default when none answers there, then the folder’s own', async () => {
    const folder = await newFolder();
    const port = await freePort();
    const first = await locate(folder, seedAt(port));
    expect([first.source, first.url]).toEqual(['embedded', `postgres://cloud:cloud@127.0.0.1:${port}/miniaws`]);
    await first.embedded?.stop();
    // Another folder's server at the default now: this folder keeps to its own.
    const second = await locate(folder, seedAt(await freePort()));
    expect([second.source, second.url, second.embedded?.adopted]).toEqual(['embedded', first.url, false]);
  });

  it('is the one at the default when that lets the seed’s user in', async () => {
    const port = await freePort();
    await locate(await newFolder(), seedAt(port));
    const other = await locate(await newFolder(), seedAt(port));
    expect(other).toEqual({ url: seedAt(port), source: 'default' });
  });

  it('is a new one on another port when somebody else’s server answers there, or nothing does in 2 s', async () => {
    const mute = createServer(() => undefined);
    const port = await new Promise<number>((resolve) =>
      mute.listen(0, '127.0.0.1', () => resolve((mute.address() as { port: number }).port)),
    );
    try {
      const database = await locate(await newFolder(), seedAt(port));
      expect(database.source).toBe('embedded');
      expect(new URL(database.url).port).not.toBe(String(port));
      expect(await probe(database.url)).toBeUndefined();
      expect(await probe(database.url.replace(/:[^:@]+@/, ':wrong@'))).toBe('28P01');
    } finally {
      mute.close();
    }
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
