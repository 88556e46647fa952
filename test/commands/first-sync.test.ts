import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { dataFolderAt } from '../../src/host/data-folder.ts';
import { readLock } from '../../src/host/daemon-lock.ts';
import { freePort } from '../../src/host/ports.ts';
import { freshDatabase } from '../support/database.ts';
import { testRepository } from '../support/git.ts';
import { PROGRAM } from '../support/program.ts';

it('up --git has the repository synced in place of the quickstart; again, it makes no other', async () => {
  const database = await freshDatabase();
  const dir = await mkdtemp(join(tmpdir(), 'miniaws-first-sync-'));
  const repository = testRepository();
  onTestFinished(async () => {
    const daemon = await readLock(dataFolderAt(dir).daemonLock);
    if (daemon) process.kill(daemon.pid, 'SIGKILL');
    repository.remove();
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  });
  repository.git('checkout', '--quiet', '-b', 'live');
  const web = { apiVersion: 'miniaws.dev/v1', kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'app:1' } };
  const commit = repository.commit({ 'deploy/web.yaml': JSON.stringify(web) });
  const env = {
    ...process.env,
    DATABASE_URL: database.url,
    MINIAWS_DATA_DIR: dir,
    MINIAWS_ENGINE: 'simulated',
    MINIAWS_LISTEN: `127.0.0.1:${await freePort()}`,
  };
  const miniaws = async (...words: string[]) =>
    (await promisify(execFile)(process.execPath, [PROGRAM, ...words], { env })).stdout;

  await expect(miniaws('up', '--no-link', '--git-path', 'deploy')).rejects.toThrow('name it by --git URL');
  const up = ['up', '--no-link', '--git', repository.url];
  const out = await miniaws(...up, '--git-path', 'deploy', '--git-branch', 'live');
  expect(out).toContain('gitsync.miniaws.dev/main created');
  expect(out).toMatch(/^instance\/web +app:1 .*True/m);
  expect(out).not.toContain('quickstart');
  const again = await miniaws(...up);
  expect(again).toContain('a repository is synced already');
  expect(again).toMatch(new RegExp(`default +main +live +${commit.slice(0, 10)} +1 +Synced +True`));
  expect(await miniaws('down')).toContain('daemon stopped');
});
