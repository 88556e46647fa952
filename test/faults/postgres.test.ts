import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { openDataFolder } from '../../src/host/data-folder.ts';
import type { DataFolder } from '../../src/host/data-folder.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres, stopEmbeddedPostgres } from '../../src/host/embedded-postgres.ts';
import { Cloud } from '../support/cloud.ts';
import type { TestDatabase } from '../support/database.ts';
import { call } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { makeNamespaces } from '../support/namespaces.ts';
import { freePort } from '../../src/host/ports.ts';
import { eventually } from '../support/wait.ts';

/** A data folder with an embedded server of its own: the daemon is started in it without a DATABASE_URL. */
let dir: string;
let folder: DataFolder;
let database: TestDatabase;
let cloud: Cloud;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'miniaws-postgres-'));
  await chmod(dir, 0o711);
  folder = await openDataFolder(join(dir, 'data'));
  const server = await startEmbeddedPostgres({ dataFolder: folder, log: silentLog, seedPort: await freePort() });
  server.detach();
  const pool = new pg.Pool({ connectionString: server.url, max: 2 });
  pool.on('error', () => undefined);
  database = {
    url: server.url,
    name: 'miniaws',
    query: async (sql, values) => (await pool.query(sql, values)).rows,
    drop: () => pool.end(),
  };
  cloud = await Cloud.start({ database, dataDir: folder.path, env: { DATABASE_URL: '' } });
  await cloud.apply(vpc('net', { cidrBlock: '10.215.11.0/24' }), instance('web', spec()));
  await cloud.ready('instances', 'web');
  await makeNamespaces(cloud.daemon, 'written');
});
afterAll(async () => {
  await cloud?.close();
  await database?.drop();
  if (folder) await stopEmbeddedPostgres(folder);
  await rm(dir, { recursive: true, force: true });
});

const spec = () => ({ image: cloud.image, vpc: 'net', stopGracePeriod: '0s' });
const postmaster = async () => (await findEmbeddedPostgres(folder))?.pid ?? 0;
const children = (pid: number): number[] =>
  execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .map(Number);

/** Writes one document after the other until told to stop; answers the names that were acknowledged (I11). */
function writer(prefix: string) {
  let stopped = false;
  const acknowledged: string[] = [];
  const run = (async () => {
    for (let i = 0; !stopped; i++) {
      const body = instance(
        `${prefix}-${i}`,
        { image: 'x', vpc: 'nowhere' },
        { annotations: { 'miniaws.dev/paused': 'true' } },
      );
      const { status } = await call(cloud.daemon, 'POST', pathOf('instances', undefined, 'written'), { body });
      if (status === 201) acknowledged.push(`${prefix}-${i}`);
    }
  })();
  return {
    acknowledged,
    stop: async () => {
      stopped = true;
      await run;
    },
  };
}

async function expectWritten(names: readonly string[]): Promise<void> {
  const { items } = (await call(cloud.daemon, 'GET', pathOf('instances', undefined, 'written'))).json<{
    items: { metadata: { name: string } }[];
  }>();
  const stored = new Set(items.map((i) => i.metadata.name));
  expect(names.filter((name) => !stored.has(name))).toEqual([]);
}

describe('PostgreSQL under a running daemon (F8)', () => {
  it('is the data folder’s own, and a daemon that was killed with -9 adopts it', async () => {
    const server = await postmaster();
    expect(cloud.daemon.log()).toContain('"source":"embedded"');
    await cloud.crash();
    expect(await postmaster()).toBe(server);
    await cloud.judge(['net'], ['web']);
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'loses every session',
      async () => {
        await database
          .query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()')
          .catch(() => undefined);
      },
    ],
    [
      'has a session killed with -9, and so restarts itself',
      async () => process.kill(children(await postmaster()).at(-1)!, 'SIGKILL'),
    ],
    [
      'is killed with -9, sessions and all',
      async () => {
        const pid = await postmaster();
        const sessions = children(pid);
        process.kill(pid, 'SIGKILL');
        for (const session of sessions) kill(session);
      },
    ],
    ['is stopped in order', async () => process.kill(await postmaster(), 'SIGINT')],
  ])('%s: nothing that was acknowledged is lost, and the daemon goes on by itself (I11)', async (what, fault) => {
    const writing = writer(
      what
        .replaceAll(/[^a-z]+/g, '-')
        .slice(0, 20)
        .replace(/-$/, ''),
    );
    await eventually('some writes', () => writing.acknowledged.length >= 20);
    await fault();
    const then = writing.acknowledged.length;
    await eventually('writes to be taken again', () => writing.acknowledged.length >= then + 20);
    await writing.stop();
    await expectWritten(writing.acknowledged);
    // It works again, not only answers.
    await cloud.patch('instances', 'web', { spec: { env: { AFTER: what } } });
    await cloud.judge(['net'], ['web']);
    expect((await cloud.container('web')).Config.Env).toContain(`AFTER=${what}`);
  });

  it('is stopped with the daemon', async () => {
    const { process: daemon } = cloud.daemon;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
    expect(await findEmbeddedPostgres(folder)).toMatchObject({ running: false });
    expect(await cloud.containers()).toMatchObject([{ State: 'running' }]);
  });
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It went with its postmaster.
  }
}
