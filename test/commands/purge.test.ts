import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { LABEL, ownerLabels } from '../../src/drivers/labels.ts';
import { dataFolderAt } from '../../src/host/data-folder.ts';
import { findEmbeddedPostgres, removeEmbeddedPostgres } from '../../src/host/embedded-postgres.ts';
import { identifyProcess } from '../../src/host/process-identity.ts';
import { startDaemon } from '../support/daemon.ts';
import type { DaemonOptions, TestDaemon } from '../support/daemon.ts';
import { databaseForTest } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { cleanInstallation, engine, freshInstallation } from '../support/engine.ts';
import { testImage } from '../support/images.ts';
import { vpc } from '../support/manifests.ts';
import { PROGRAM } from '../support/program.ts';

let image: string;
let installation: string;
let database: TestDatabase;

beforeAll(async () => {
  image = await testImage(engine);
});
beforeEach(async () => {
  installation = freshInstallation();
  onTestFinished(() => cleanInstallation(installation));
  database = await databaseForTest();
});

async function newFolder(): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'miniaws-purge-'));
  await chmod(base, 0o755);
  const dir = join(base, 'data');
  onTestFinished(async () => {
    await removeEmbeddedPostgres(dataFolderAt(dir));
    await rm(base, { recursive: true });
  });
  return dir;
}

const envOf = (dataDir: string, more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  MINIAWS_DATA_DIR: dataDir,
  MINIAWS_INSTALLATION: installation,
  DATABASE_URL: database.url,
  ...more,
});
const words = (...more: string[]) => [PROGRAM, 'down', '--purge', ...more];
/** To its end, without a terminal. */
const purge = async (env: NodeJS.ProcessEnv, ...more: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, words(...more), { env })).stdout;

async function serve(dataDir: string, options: Partial<DaemonOptions> = {}): Promise<TestDaemon> {
  const env = { MINIAWS_INSTALLATION: installation, ...options.env };
  const daemon = await startDaemon({ engine: 'simulated', database, dataDir, ...options, env });
  onTestFinished(() => (daemon.process.exitCode === null ? daemon.stop() : undefined));
  return daemon;
}

const marked = () => ({ filters: { label: [`${LABEL.installation}=${installation}`] } });
const owner = { uid: '0190aaaa-0000-7000-8000-000000000001', kind: 'VPC', namespace: 'default', generation: 1 };

/** As a daemon of the installation would make them. */
async function makeObjects(): Promise<{ network: string; container: string; volume: string }> {
  const network = `${installation}-net`;
  const Labels = ownerLabels(installation, { ...owner, name: network }, 'x');
  await engine.createNetwork({ Name: network, Labels, IPAM: { Config: [{ Subnet: '10.215.14.0/28' }] } });
  await engine.createVolume({ Name: `${installation}-data`, Labels });
  await engine.createContainer({
    name: `${installation}-box`,
    Image: image,
    Labels: ownerLabels(installation, { ...owner, uid: `${owner.uid.slice(0, -1)}2`, name: 'box' }, 'x'),
    HostConfig: { NetworkMode: network, Mounts: [{ Type: 'volume', Source: `${installation}-data`, Target: '/d' }] },
  });
  return { network, container: `${installation}-box`, volume: `${installation}-data` };
}
async function countObjects(): Promise<number[]> {
  const [containers, networks, { Volumes }] = await Promise.all([
    engine.listContainers({ all: true, ...marked() }),
    engine.listNetworks(marked()),
    engine.listVolumes(marked()),
  ]);
  return [containers.length, networks.length, (Volumes as unknown[] | null)?.length ?? 0];
}
const tables = async () => (await database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).length;
const documents = async () =>
  (await database.query("SELECT name FROM resources WHERE kind NOT IN ('ApiKey', 'Namespace')")).map(
    (row) => row['name'] as string,
  );

describe('down --purge', () => {
  it('of a folder that was never started leaves another folder’s installation alone, under its live daemon', async () => {
    const daemon = await serve(await newFolder());
    await daemon.client.send('POST', '/apis/miniaws.dev/v1/namespaces/default/vpcs', { body: vpc('net', {}) });
    await makeObjects();
    const [before, env] = [await tables(), envOf(await newFolder())];
    for (const engineOf of ['docker', 'simulated'])
      await expect(purge(env, '--yes', '--engine', engineOf)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/nothing was purged: .*has no record of it/) as string,
      });
    expect(await countObjects()).toEqual([1, 1, 1]);
    expect([await tables(), await documents()]).toEqual([before, expect.arrayContaining(['net'])]);
    expect(identifyProcess(daemon.process.pid!)).toBeDefined();
  });

  it('is refused while the daemon of another folder lives on the same database, whichever leads', async () => {
    const [one, two] = [await newFolder(), await newFolder()];
    const first = await serve(one);
    await serve(two, { env: { MINIAWS_MASTER_KEY_FILE: join(one, 'master.key') } });
    const before = await tables();
    await expect(purge(envOf(one), '--yes', '--engine', 'simulated')).rejects.toMatchObject({
      stderr: expect.stringMatching(/another daemon works on this database/) as string,
    });
    expect(identifyProcess(first.process.pid!)).toBeUndefined();
    expect(await tables()).toBe(before);
  });

  it.each([
    [
      'another database',
      { database: 'postgres://cloud:***@elsewhere/miniaws' },
      /the database of .* is postgres:.*elsewhere/,
    ],
    ['the database that was found at the default', { database: 'default' }, /was found at the default, not given/],
    ['another installation', { installation: 'other' }, /is of installation "other", not/],
    ['another engine', { engine: 'docker' }, /on the engine "docker", and this says "simulated"/],
  ])('is refused when the folder has recorded %s', async (_, recorded, why) => {
    const dir = await newFolder();
    await (await serve(dir)).stop();
    const own = { installation, database: database.url.replace(/:[^:@]+@/, ':***@'), engine: 'simulated' };
    await writeFile(dataFolderAt(dir).installation, JSON.stringify({ ...own, ...recorded }));
    const before = await tables();
    await expect(purge(envOf(dir), '--yes', '--engine', 'simulated')).rejects.toMatchObject({
      stderr: expect.stringMatching(why) as string,
    });
    expect(await tables()).toBe(before);
  });

  it('lists first what will go, and without a terminal wants --yes', async () => {
    const dir = await newFolder();
    const daemon = await serve(dir, { engine: 'docker' });
    const { network, container, volume } = await makeObjects();
    const refused = (await purge(envOf(dir)).catch((error: unknown) => error)) as { stdout: string; stderr: string };
    expect(refused.stderr).toContain('Add --yes');
    for (const text of [`containers: ${container}`, `networks: ${network}`, `with their data: ${volume}`])
      expect(refused.stdout).toContain(text);
    expect(refused.stdout).toMatch(/with rows of: .*settings 5/);
    expect(refused.stdout).not.toContain(`:${new URL(database.url).password}@`);
    expect(identifyProcess(daemon.process.pid!)).toBeDefined();
    expect(await countObjects()).toEqual([1, 1, 1]);
    expect(await purge(envOf(dir), '--yes')).toContain('removed 1 container, 1 network, 1 volume, 0 images');
    expect([await countObjects(), await tables()]).toEqual([[0, 0, 0], 0]);
    expect(await readdir(dir)).toEqual([]);
    expect(await purge(envOf(dir), '--yes')).toContain('no daemon has ever worked from');
  });

  it('on a terminal wants the installation’s id typed', async () => {
    const dir = await newFolder();
    await (await serve(dir)).stop();
    const type = (answer: string): Promise<{ code: number | null; output: string }> =>
      new Promise((resolve) => {
        const command = [process.execPath, ...words('--engine', 'simulated')].map((word) => `'${word}'`).join(' ');
        const child = spawn('script', ['-qec', command, '/dev/null'], { env: envOf(dir) });
        let [output, isAsked] = ['', false];
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (!isAsked && output.includes('to remove it: ')) isAsked = child.stdin.write(`${answer}\n`);
        });
        child.once('close', (code) => resolve({ code, output }));
      });
    const wrong = await type('y');
    expect([wrong.code, wrong.output]).toEqual([1, expect.stringContaining('that is not its id') as string]);
    expect(await tables()).toBeGreaterThan(0);
    const right = await type(installation);
    expect([right.code, await tables()]).toEqual([0, 0]);
  });

  it('that leaves a network behind says so and fails; once nothing is in the way it ends', async () => {
    const dir = await newFolder();
    await (await serve(dir, { engine: 'docker' })).stop();
    const { network, volume } = await makeObjects();
    const guest = await engine.createContainer({ Image: image, HostConfig: { NetworkMode: network } });
    await guest.start();
    const gone = () => guest.remove({ force: true });
    try {
      const refused = (await purge(envOf(dir), '--yes').catch((error: unknown) => error)) as Record<string, unknown>;
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`network ${network}: `) as string });
      expect(refused['stdout']).toContain('removed 1 container, 0 networks, 1 volume');
      expect(refused['stderr']).not.toContain(volume);
      expect(await countObjects()).toEqual([0, 1, 0]);
      expect(await tables()).toBeGreaterThan(0);
    } finally {
      await gone();
    }
    expect(await purge(envOf(dir), '--yes')).toContain('removed 0 containers, 1 network');
    expect([await countObjects(), await tables()]).toEqual([[0, 0, 0], 0]);
  });

  it('while the Engine does not answer says so, and leaves all as it was: no PostgreSQL is left running', async () => {
    const [dir, noDatabase] = [await newFolder(), { DATABASE_URL: '' }];
    await (await serve(dir, { engine: 'docker', env: noDatabase })).stop();
    const folder = dataFolderAt(dir);
    expect(await findEmbeddedPostgres(folder)).toMatchObject({ running: false });
    const away = envOf(dir, { ...noDatabase, DOCKER_HOST: `unix://${dir}/none.sock` });
    await expect(purge(away, '--yes')).rejects.toMatchObject({
      stderr: expect.stringMatching(/nothing was purged: the Engine does not answer/) as string,
    });
    expect(await findEmbeddedPostgres(folder)).toMatchObject({ running: false });
    expect(await purge(envOf(dir, noDatabase), '--yes')).toContain('database and');
    expect(await readdir(dir)).toEqual([]);
  });
});
