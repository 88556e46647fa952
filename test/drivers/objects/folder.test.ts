import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFile, chmod, mkdtemp, readdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NoSpaceError } from '../../../src/drivers/objects/bytes.ts';
import { BytesFolder } from '../../../src/drivers/objects/folder.ts';
import { bytesContract, chunksOf } from './contract.ts';

const run = promisify(execFile);

async function folder() {
  const dir = await mkdtemp(join(tmpdir(), 'miniaws-objects-'));
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

bytesContract('bytes in a folder', async () => {
  const { dir, remove } = await folder();
  return { bytes: await BytesFolder.open(dir, 'test'), close: remove };
});

describe('a folder of bytes', () => {
  const opened = async () => {
    const { dir, remove } = await folder();
    onTestFinished(remove);
    return { dir, bytes: await BytesFolder.open(dir, 'test') };
  };

  it('is for the owner alone', async () => {
    const { dir, bytes } = await opened();
    const id = randomUUID();
    await bytes.put(id, chunksOf(Buffer.from('secret')));
    const modes = await Promise.all(
      [id.slice(-2), join(id.slice(-2), id)].map(async (path) =>
        ((await stat(join(dir, path))).mode & 0o777).toString(8),
      ),
    );
    expect(modes).toEqual(['700', '600']);
  });

  it('tells at a look who has changed a file, and what is wrong with it', async () => {
    const { dir, bytes } = await opened();
    const id = randomUUID();
    const path = join(dir, id.slice(-2), id);
    await bytes.put(id, chunksOf(Buffer.from('content')));
    const first = await bytes.look(id);
    // The same size and the same times as before: it was changed all the same.
    const { atime, mtime } = await stat(path);
    await writeFile(path, 'CONTENT');
    await utimes(path, atime, mtime);
    expect(await bytes.look(id)).toMatchObject({ size: 7 });
    expect((await bytes.look(id))?.version).not.toBe(first?.version);
    await appendFile(path, '!');
    expect((await bytes.look(id))?.size).toBe(8);
    await chmod(path, 0o644);
    expect((await bytes.look(id))?.wrong).toBe('its mode is 0644 and not 0600');
    await rename(path, `${path}.moved`);
    expect(await bytes.look(id)).toBeUndefined();
    await symlink(`${path}.moved`, path);
    expect((await bytes.look(id))?.wrong).toBe('it is no file');
    await bytes.put(id, chunksOf(Buffer.from('content')));
    expect(await bytes.look(id)).toMatchObject({ size: 7 });
    expect((await bytes.look(id))?.wrong).toBeUndefined();
  });

  it('one of its folders that somebody removes is made again by a later put', async () => {
    const { dir, bytes } = await opened();
    const id = randomUUID();
    const put = () => bytes.put(id, chunksOf(Buffer.from('x')));
    await put();
    await rm(join(dir, id.slice(-2)), { recursive: true });
    await expect(put()).rejects.toThrow('ENOENT');
    expect(await put()).toBe(1);
  });

  it('of another installation is refused', async () => {
    const { dir } = await opened();
    await expect(BytesFolder.open(dir, 'other')).rejects.toThrow('holds objects of installation "test"');
  });

  it('I5: what is not ours in it is neither listed, nor read, nor deleted', async () => {
    const { dir, bytes } = await opened();
    const id = randomUUID();
    await bytes.put(id, chunksOf(Buffer.from('ours')));
    const others = [
      'notes.txt',
      join(id.slice(-2), 'readme'),
      join(id.slice(-2), `${randomUUID().slice(0, -2)}zz`),
      'drafts/mine',
    ];
    for (const path of others) await writeFile(join(dir, path), 'theirs');
    const listed: string[] = [];
    for await (const each of bytes.list()) listed.push(each.id);
    expect(listed).toEqual([id]);
    await bytes.sweep(new Date(Date.now() + 60_000));
    for (const path of others) expect((await stat(join(dir, path))).size).toBe(6);
    await expect(bytes.get('../notes.txt')).rejects.toThrow('no id of bytes');
    await expect(bytes.delete(['../../etc/passwd'])).rejects.toThrow('no id of bytes');
  });

  it('what a process that died has begun is swept, and nothing younger', async () => {
    const { dir, bytes } = await opened();
    const [old, young] = [join(dir, 'drafts', randomUUID()), join(dir, 'drafts', randomUUID())];
    for (const path of [old, young]) await writeFile(path, 'half');
    await utimes(old, new Date(), new Date(Date.now() - 3_600_000));
    expect(await bytes.sweep(new Date(Date.now() - 60_000))).toBe(1);
    expect(await readdir(join(dir, 'drafts'))).toEqual([young.split('/').at(-1)]);
  });

  it('a full disk is told as such, and loses nothing', async () => {
    const { dir, remove } = await folder();
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir]);
    onTestFinished(async () => {
      await run('umount', [dir]);
      await remove();
    });
    const bytes = await BytesFolder.open(dir, 'test');
    const [small, large] = [randomUUID(), randomUUID()];
    await bytes.put(small, chunksOf(Buffer.alloc(1_000_000, 'a')));
    await expect(bytes.put(large, chunksOf(Buffer.alloc(8_000_000, 'b')))).rejects.toThrow(NoSpaceError);
    expect(await readdir(join(dir, 'drafts'))).toEqual([]);
    expect((await stat(join(dir, small.slice(-2), small))).size).toBe(1_000_000);
    await bytes.put(large, chunksOf(Buffer.alloc(2_000_000, 'c')));
  });
});
