import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runOrThrow } from '../../src/host/command.ts';
import { silentLog } from '../../src/base/log.ts';
import { dataFolderAt, openDataFolder, type DataFolder } from '../../src/host/data-folder.ts';
import {
  findEmbeddedPostgres,
  removeEmbeddedPostgres,
  startEmbeddedPostgres,
  stopEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../src/host/embedded-postgres.ts';
import { FALLBACK_BASE } from '../../src/host/postgres-layout.ts';
import { identifyProcess } from '../../src/host/process-identity.ts';
import { startOldPostgres } from './support/old-postgres.ts';
import { freePort } from '../../src/host/ports.ts';
import { eventually } from '../support/wait.ts';

// Real servers and processes, on whatever machine this is.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const TAKE_LOCK = fileURLToPath(new URL('support/take-lock.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const open: { folder: DataFolder; base: string }[] = [];
const servers: EmbeddedPostgres[] = [];

/** A data folder below a folder of the temporary one; its parent has `mode`, which decides who gets in. */
async function newFolder(mode = 0o755): Promise<DataFolder> {
  const base = mkdtempSync(join(tmpdir(), 'miniaws-host-'));
  chmodSync(base, mode);
  const folder = await openDataFolder(join(base, 'data'));
  open.push({ folder, base });
  return folder;
}

async function start(
  folder: DataFolder,
  options: { seedPort?: number; password?: string } = {},
): Promise<EmbeddedPostgres> {
  const seedPort = options.seedPort ?? (await freePort());
  const server = await startEmbeddedPostgres({ dataFolder: folder, log: silentLog, ...options, seedPort });
  servers.push(server);
  return server;
}

async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

const pidOf = async (folder: DataFolder) => (await findEmbeddedPostgres(folder))?.pid;

afterEach(async () => {
  for (const server of servers.splice(0)) server.detach();
  for (const { folder, base } of open.splice(0)) {
    await removeEmbeddedPostgres(folder);
    rmSync(base, { recursive: true });
  }
});

describe('embedded PostgreSQL', () => {
  it('is a UTF8 server with checksums and scram on its socket alone, for a user who is no superuser', async () => {
    const folder = await newFolder();
    const server = await start(folder, { password: '' });
    const { hostname, username, password } = new URL(server.url);
    expect(decodeURIComponent(hostname)).toBe(join(folder.postgres, 'socket'));
    expect(username).toBe('cloud');
    expect(password).toMatch(/^[\w-]{32}$/);
    const settings = await query<{ name: string; setting: string }>(
      server.url,
      `SELECT name, setting FROM pg_settings WHERE name IN
       ('server_encoding','data_checksums','listen_addresses','unix_socket_directories','fsync','password_encryption')`,
    );
    expect(Object.fromEntries(settings.map((s) => [s.name, s.setting]))).toEqual({
      server_encoding: 'UTF8',
      data_checksums: 'on',
      listen_addresses: '',
      unix_socket_directories: `"${join(folder.postgres, 'socket')}"`,
      fsync: 'on',
      password_encryption: 'scram-sha-256',
    });
    expect(await query(server.url, `SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user`)).toEqual([
      { rolsuper: false, rolcreatedb: true },
    ]);
    expect(
      await query(server.url, `SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()`),
    ).toEqual([{ datlocprovider: 'b', datlocale: 'C.UTF-8' }]);
    const wrong = server.url.replace(password, 'cloud');
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  it('runs as an unprivileged user whose folder nobody else reads, and keeps its credentials private', async () => {
    const folder = await newFolder();
    const server = await start(folder);
    const data = await stat(join(folder.postgres, 'data'));
    const process = statSync(`/proc/${server.pid}`);
    expect(process.uid).not.toBe(0);
    expect(data.uid).toBe(process.uid);
    expect(data.mode & 0o777).toBe(0o700);
    for (const name of ['server.json', 'pgpass', 'server.log'])
      expect((await stat(join(folder.postgres, name))).mode & 0o777, name).toBe(0o600);
    const socket = await stat(join(folder.postgres, 'socket'));
    expect([socket.mode & 0o777, socket.uid]).toEqual([0o700, process.uid]);
    expect((await stat(folder.path)).mode & 0o066).toBe(0);
  });

  it('is adopted by the next daemon, which then stops it cleanly', async () => {
    const folder = await newFolder();
    const first = await start(folder);
    await query(first.url, 'CREATE TABLE kept (n int)');
    first.detach();
    const second = await start(folder);
    expect([second.adopted, second.pid, second.url]).toEqual([true, first.pid, first.url]);
    await second.stop();
    expect(await findEmbeddedPostgres(folder)).toMatchObject({ running: false, url: first.url });
    expect(readFileSync(join(folder.postgres, 'server.log'), 'utf8')).toContain('database system is shut down');
    const third = await start(folder);
    expect(third.adopted).toBe(false);
    expect(await query(third.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
  });

  it('I11: keeps every acknowledged row when it is killed, and is started again on the same port', async () => {
    const folder = await newFolder();
    const server = await start(folder);
    await query(server.url, 'CREATE TABLE kept (n int)');
    await query(server.url, 'INSERT INTO kept SELECT generate_series(1, 1000)');
    process.kill(server.pid, 'SIGKILL');
    await eventually(
      'another server',
      async () => (await pidOf(folder)) !== undefined && (await pidOf(folder)) !== server.pid,
    );
    await eventually('its connections', () =>
      query(server.url, 'SELECT 1').then(
        () => true,
        () => false,
      ),
    );
    expect(await query(server.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 1000 }]);
  });

  it('I3: starts after a kill -9 of it and of its daemon, with a session of the dead server still open', async () => {
    const folder = await newFolder();
    const first = await start(folder);
    first.detach();
    const session = new Client({ connectionString: first.url });
    session.on('error', () => undefined);
    await session.connect();
    const lost = session.query('SELECT pg_sleep(3600)').catch(() => undefined);
    process.kill(first.pid, 'SIGKILL');
    const second = await start(folder);
    await lost;
    expect(second.adopted).toBe(false);
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('I5: a pid file that names somebody else’s process is stale, and that process is left alone', async () => {
    const folder = await newFolder();
    const first = await start(folder);
    await first.stop();
    const owner = statSync(join(folder.postgres, 'data')).uid;
    const bystander = spawn('sleep', ['600'], { uid: owner, stdio: 'ignore' });
    await once(bystander, 'spawn');
    writeFileSync(join(folder.postgres, 'data', 'postmaster.pid'), `${bystander.pid}\n`);
    expect((await findEmbeddedPostgres(folder))?.running).toBe(false);
    const second = await start(folder);
    expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.stop();
    expect(bystander.exitCode).toBeNull();
    bystander.kill();
  });

  it('with a password that a person chose is on 127.0.0.1 too, and leaves a foreign server’s port alone', async () => {
    const foreign = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(foreign, 'listening');
    const { port } = foreign.address() as { port: number };
    try {
      const folder = await newFolder();
      const first = await start(folder, { seedPort: port, password: "c:l'oud" });
      const own = new URL(first.url).port;
      expect(Number(own)).not.toBe(port);
      await first.stop();
      const second = await start(folder, { seedPort: port });
      expect(second.url).toBe(first.url);
      expect(await query(`postgres://cloud:c%3Al%27oud@127.0.0.1:${own}/miniaws`, 'SELECT 1 AS one')).toEqual([
        { one: 1 },
      ]);
    } finally {
      foreign.close();
    }
  });

  it('moves to another port of 127.0.0.1 when its own was taken while it was down', async () => {
    const folder = await newFolder();
    const first = await start(folder, { password: 'cloud' });
    await first.stop();
    const foreign = createServer().listen(Number(new URL(first.url).port), '127.0.0.1');
    await once(foreign, 'listening');
    try {
      const second = await start(folder);
      expect(new URL(second.url).port).not.toBe(new URL(first.url).port);
      expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      foreign.close();
    }
  });

  it('has another password as soon as none is chosen any more, and the other way round', async () => {
    const folder = await newFolder();
    const chosen = await start(folder, { password: 'cloud' });
    const { port } = new URL(chosen.url);
    const seed = `postgres://cloud:cloud@127.0.0.1:${port}/miniaws`;
    await query(seed, 'CREATE TABLE kept (n int)');
    chosen.detach();
    const random = await start(folder, { password: '' });
    expect([random.adopted, new URL(random.url).password]).toEqual([false, expect.stringMatching(/^[\w-]{32}$/)]);
    expect(await query(random.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
    await expect(query(seed, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
    await expect(query(random.url.replace(/:[^:@]+@/, ':cloud@'), 'SELECT 1')).rejects.toThrow(/authentication failed/);
    random.detach();
    await start(folder, { password: 'cloud' });
    expect(await query(seed, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
  });

  it('I3: a change of the password that was broken off is carried through, and locks nobody out', async () => {
    const folder = await newFolder();
    const first = await start(folder);
    await first.stop();
    const next = join(folder.postgres, 'server.json.next');
    writeFileSync(next, JSON.stringify({ format: 2, port: 1, password: 'half-way' }), { mode: 0o600 });
    const second = await start(folder);
    expect(new URL(second.url).password).toBe('half-way');
    expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(existsSync(next)).toBe(false);
  });

  it('is on 127.0.0.1 with a random password where its socket’s path would be too long', async () => {
    const base = mkdtempSync(join(tmpdir(), 'miniaws-host-'));
    chmodSync(base, 0o755);
    const folder = await openDataFolder(join(base, 'a'.repeat(90)));
    open.push({ folder, base });
    const server = await start(folder);
    const { hostname, password } = new URL(server.url);
    expect([hostname, password]).toEqual(['127.0.0.1', expect.stringMatching(/^[\w-]{32}$/)]);
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('I10: shows no secret in its command line, its environment or its log', async () => {
    const folder = await newFolder();
    process.env['MINIAWS_DATABASE_PASSWORD'] = 'secret-of-the-daemon';
    try {
      const server = await start(folder);
      const traces = [
        `/proc/${server.pid}/cmdline`,
        `/proc/${server.pid}/environ`,
        join(folder.postgres, 'server.log'),
      ];
      for (const secret of [new URL(server.url).password, 'secret-of-the-daemon'])
        for (const trace of traces) expect(readFileSync(trace, 'utf8'), trace).not.toContain(secret);
      expect(await runOrThrow('env', [])).not.toContain('secret-of-the-daemon');
    } finally {
      delete process.env['MINIAWS_DATABASE_PASSWORD'];
    }
  });

  it.runIf(isRoot)('lets no other user of the machine come near it', async () => {
    const folder = await newFolder();
    const server = await start(folder);
    const other = { uid: 54_321, gid: 54_321, cwd: '/' };
    expect(spawnSync('test', ['-x', join(folder.postgres, 'socket')], other).status).toBe(1);
    for (const name of ['server.json', 'pgpass'])
      expect(spawnSync('test', ['-r', join(folder.postgres, name)], other).status, name).toBe(1);
    const inode = /socket:\[(\d+)\]/;
    const sockets = readdirSync(`/proc/${server.pid}/fd`).flatMap((fd) => {
      const link = readlinkSync(`/proc/${server.pid}/fd/${fd}`);
      return inode.exec(link)?.[1] ?? [];
    });
    const tcp = ['tcp', 'tcp6'].map((name) => readFileSync(`/proc/net/${name}`, 'utf8')).join('\n');
    for (const socket of sockets) expect(tcp).not.toMatch(new RegExp(`\\s${socket}\\s`));
  });

  it.each([
    ['stopped', false],
    ['running, without its daemon', true],
  ])('of an earlier release, with the seed’s password, is moved over at its next start: %s', async (_, isRunning) => {
    const folder = await newFolder();
    const port = await freePort();
    const old = await startOldPostgres(folder, port);
    const seed = `postgres://cloud:cloud@127.0.0.1:${port}/miniaws`;
    await query(seed, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n');
    if (!isRunning) await stopEmbeddedPostgres(folder);
    const server = await start(folder, { password: '' });
    expect(server.pid).not.toBe(old);
    expect(await query(server.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 1000 }]);
    await expect(query(seed, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
    const guess = server.url.replace(/:[^:@]+@/, ':cloud@');
    await expect(query(guess, 'SELECT 1')).rejects.toThrow(/authentication failed/);
    const accounts = await query(server.url, 'SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY 1');
    expect(accounts).toEqual([{ rolname: 'cloud' }, { rolname: 'postgres' }]);
  });

  it('of an earlier release is left as it is while another process’s daemon works on it', async () => {
    const folder = await newFolder();
    const port = await freePort();
    const old = await startOldPostgres(folder, port);
    const daemon = spawn(process.execPath, ['--import', 'tsx', TAKE_LOCK, folder.daemonLock]);
    await once(daemon.stdout, 'data');
    const server = await start(folder);
    expect([server.pid, server.url]).toEqual([old, `postgres://cloud:cloud@127.0.0.1:${port}/miniaws`]);
    daemon.stdin.end();
    await once(daemon, 'exit');
  });

  it('is one server, however many start it at once', async () => {
    const folder = await newFolder();
    const port = await freePort();
    const all = await Promise.all([1, 2, 3].map(() => start(folder, { seedPort: port })));
    expect(new Set(all.map((s) => s.pid)).size).toBe(1);
    expect(new Set(all.map((s) => s.url)).size).toBe(1);
    expect(await query(all[0]!.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('does not exist in a folder that never had one', async () => {
    expect(await findEmbeddedPostgres(await newFolder())).toBeUndefined();
    expect(await findEmbeddedPostgres(dataFolderAt('/nonexistent'))).toBeUndefined();
  });

  it.runIf(isRoot)('lives outside a data folder that its user cannot reach, and goes with it', async () => {
    const folder = await newFolder(0o700);
    const server = await start(folder);
    const real = await realpath(folder.postgres);
    expect(real.startsWith(`${FALLBACK_BASE}/`)).toBe(true);
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    server.detach();
    await removeEmbeddedPostgres(folder);
    expect(existsSync(real)).toBe(false);
    expect(identifyProcess(server.pid)).toBeUndefined();
  });

  it.runIf(isRoot)(
    'is run by its own user when that is not root, and outlives the process that started it',
    async () => {
      const base = mkdtempSync(join(tmpdir(), 'miniaws-host-'));
      chmodSync(base, 0o777);
      const dir = join(base, 'data');
      const script = fileURLToPath(new URL('support/start-postgres.ts', import.meta.url));
      const args = ['--reuid=nobody', '--regid=nogroup', '--clear-groups', process.execPath, '--import', 'tsx', script];
      const env = { PATH: process.env['PATH'], HOME: base, TMPDIR: join(base, 'tmp') };
      const run = (action: string) =>
        JSON.parse(execFileSync('setpriv', [...args, action, dir, String(port)], { env, encoding: 'utf8' })) as {
          pid: number;
          url: string;
        };
      const port = await freePort();
      await mkdir(join(base, 'tmp'));
      chmodSync(join(base, 'tmp'), 0o777);
      try {
        const { pid, url } = run('start');
        expect(statSync(`/proc/${pid}`).uid).toBe(statSync(dir).uid);
        expect(statSync(dir).mode & 0o777).toBe(0o700);
        expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
        expect(run('start').pid).toBe(pid);
        run('stop');
        expect(identifyProcess(pid)).toBeUndefined();
      } finally {
        run('stop');
        rmSync(base, { recursive: true });
      }
    },
  );
});
