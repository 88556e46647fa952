import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultDataDir, openDataFolder } from '../../src/host/data-folder.ts';
import { writePrivate } from '../../src/host/private-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'miniaws-data-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const mode = (path: string): number => statSync(path).mode & 0o777;

describe('the data folder', () => {
  it('is where the environment says, else the system’s for root and the user’s own for others', () => {
    expect(defaultDataDir({ MINIAWS_DATA_DIR: '/srv/x', XDG_DATA_HOME: '/y' }, 0)).toBe('/srv/x');
    expect(defaultDataDir({}, 0)).toBe('/var/lib/miniaws');
    expect(defaultDataDir({ XDG_DATA_HOME: '/home/u/data' }, 1000)).toBe('/home/u/data/miniaws');
    expect(defaultDataDir({ XDG_DATA_HOME: 'relative' }, 1000)).toMatch(/\/\.local\/share\/miniaws$/);
  });

  it('I10: is made for its owner alone', async () => {
    const opened = await openDataFolder(join(folder, 'a', 'b'));
    expect(mode(opened.path)).toBe(0o700);
    expect(opened.adminKubeconfig).toBe(join(folder, 'a', 'b', 'admin.kubeconfig'));
    await openDataFolder(opened.path);
  });

  it('is refused when others can write to it', async () => {
    mkdirSync(join(folder, 'open'));
    chmodSync(join(folder, 'open'), 0o777);
    await expect(openDataFolder(join(folder, 'open'))).rejects.toThrow(/can be written by other users: run chmod go-w/);
  });
});

describe('a private file', () => {
  it('I10, I11: is replaced whole, readable by its owner alone, and leaves no draft', async () => {
    const path = join(folder, 'key');
    await writePrivate(path, 'one');
    chmodSync(path, 0o644);
    await Promise.all(Array.from({ length: 20 }, (_, i) => writePrivate(path, `${i}`.repeat(10_000))));
    const text = readFileSync(path, 'utf8');
    expect(text.length % 10_000).toBe(0);
    expect(mode(path)).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['key']);
  });

  it('that cannot take its place leaves no draft', async () => {
    mkdirSync(join(folder, 'taken', 'by'), { recursive: true });
    await expect(writePrivate(join(folder, 'taken'), 'x')).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['taken']);
  });
});
