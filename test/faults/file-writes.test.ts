import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import { freshDatabase } from '../support/database.ts';
import { call } from '../support/http.ts';
import { pathOf } from '../support/manifests.ts';
import { PROGRAM } from '../support/program.ts';
import { sampled } from '../support/prove.ts';
import { eventually } from '../support/wait.ts';

const PRELOAD = fileURLToPath(new URL('./support/die-at-file-write.ts', import.meta.url));

/** Where the data folders are. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'miniaws-writes-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a first start writes, up to its death or, when it does not die, until it serves. */
async function firstStart(name: string, die: string, url: string): Promise<{ dataDir: string; writes: string[] }> {
  const dataDir = join(folder, name);
  const log = join(folder, `${name}.log`);
  const child = spawn(process.execPath, ['--import', 'tsx', '--import', PRELOAD, PROGRAM, 'serve'], {
    env: {
      ...process.env,
      DATABASE_URL: url,
      MINIAWS_DATA_DIR: dataDir,
      MINIAWS_ENGINE: 'simulated',
      MINIAWS_LISTEN: '127.0.0.1:0',
      FILE_WRITES_BELOW: dataDir,
      FILE_WRITES_LOG: log,
      FILE_WRITES_DIE: die,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes('"msg":"serving"')) setTimeout(() => child.kill('SIGKILL'), 200);
  });
  const signal = await new Promise((resolve) => child.once('exit', (_, by) => resolve(by)));
  expect(signal, text).toBe('SIGKILL');
  const writes = existsSync(log) ? (await readFile(log, 'utf8')).trim().split('\n') : [];
  return { dataDir, writes };
}

/** Every file below, as `path mode`; but for drafts of objects, which are swept when they are a day old. */
async function filesOf(dataDir: string): Promise<string[]> {
  const entries = (await readdir(dataDir, { recursive: true })).filter((entry) => !entry.startsWith('objects/drafts/'));
  const described = entries.map(async (entry) => {
    const { mode } = await stat(join(dataDir, entry));
    return `${entry} ${(mode & 0o777).toString(8)}`;
  });
  return (await Promise.all(described)).sort();
}

const EXPECTED = [
  'admin.kubeconfig 600',
  'daemon.lock 600',
  'installation.json 600',
  'master.key 600',
  'objects 700',
  'objects/drafts 700',
  'objects/miniaws-objects 600',
  'tls 700',
  'tls/ca.crt 600',
  'tls/ca.key 600',
  'tls/server.pem 600',
];

/** The next start ends in a daemon that serves, with all its files as they should be. */
async function judge(dataDir: string, database: Awaited<ReturnType<typeof freshDatabase>>): Promise<void> {
  // Its client takes address, authority and key from admin.kubeconfig.
  const daemon = await startDaemon({ engine: 'simulated', dataDir, database });
  try {
    expect((await call(daemon, 'GET', pathOf('instances'))).status).toBe(200);
    const authority = new X509Certificate(daemon.ca);
    const server = await readFile(join(dataDir, 'tls', 'server.pem'), 'utf8');
    const certificate = new X509Certificate(server.slice(server.indexOf('-----BEGIN CERTIFICATE')));
    expect([authority.verify(authority.publicKey), certificate.verify(authority.publicKey)]).toEqual([true, true]);
    expect(daemon.ca).toBe(await readFile(join(dataDir, 'tls', 'ca.crt'), 'utf8'));
    // It says that it serves a moment before it has written where into its lock.
    await eventually(`the files of ${dataDir}`, async () => {
      expect(await filesOf(dataDir)).toEqual(EXPECTED);
      return true;
    });
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  } finally {
    await daemon.stop();
  }
  expect(await filesOf(dataDir)).toEqual(EXPECTED.filter((file) => !file.startsWith('daemon.lock')));
}

describe('a first start that is killed at a file write (F1, I3)', () => {
  it('is made good by the next start, whichever write it was', { timeout: 900_000 }, async () => {
    const began = performance.now();
    const clean = await freshDatabase();
    const { writes } = await firstStart('clean', 'never 0', clean.url);
    await clean.drop();
    // The moment after one is the moment before the next.
    const all = writes.flatMap((write, i) => [
      `before ${i + 1}`,
      ...(write.startsWith('write ') ? [`amid ${i + 1}`] : []),
    ]);
    const deaths = [...sampled('file writes', [...all, `after ${writes.length}`])];
    const failed: string[] = [];
    const work = async () => {
      for (let die = deaths.shift(); die !== undefined; die = deaths.shift()) {
        const database = await freshDatabase();
        try {
          const { dataDir } = await firstStart(die.replace(' ', '-'), die, database.url);
          await judge(dataDir, database);
        } catch (error) {
          failed.push(`${die} (${writes[Number(die.split(' ')[1]) - 1]}): ${String(error)}`);
        } finally {
          await database.drop();
        }
      }
    };
    const { length } = deaths;
    await Promise.all([work(), work()]);
    process.stdout.write(
      `file writes: ${writes.length} in a first start, ${length} deaths, ${Math.round((performance.now() - began) / 1_000)} s\n`,
    );
    expect(failed).toEqual([]);
    expect(writes.length).toBeGreaterThan(10);
  });
});
