import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { isReady } from '../../src/api/metadata.ts';
import { connectionOf } from '../../src/cli/kubeconfig.ts';
import { volumeNameOf } from '../../src/drivers/labels.ts';
import { readLock } from '../../src/host/daemon-lock.ts';
import { dataFolderAt } from '../../src/host/data-folder.ts';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { cleanInstallation, engine, freshInstallation } from '../support/engine.ts';
import { call, watch } from '../support/http.ts';
import type { Endpoint } from '../support/http.ts';
import { testImage } from '../support/images.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import type { Manifest } from '../support/manifests.ts';
import { freePort } from '../../src/host/ports.ts';
import { eventually } from '../support/wait.ts';
import { PROGRAM } from '../support/program.ts';

const installation = freshInstallation();
const foreign = `foreign-${installation}`;
const ours = { filters: { label: [`miniaws.dev/installation=${installation}`] } };

let dir: string;
let home: string;
let database: TestDatabase;
let image: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  image = await testImage(engine);
  dir = await mkdtemp(join(tmpdir(), 'miniaws-machine-'));
  await chmod(dir, 0o700);
  home = await mkdtemp(join(tmpdir(), 'miniaws-home-'));
  await mkdir(commands(), { recursive: true });
  database = await freshDatabase();
  env = {
    ...process.env,
    HOME: home,
    PATH: `${commands()}:${process.env['PATH']}`,
    MINIAWS_DATA_DIR: dir,
    MINIAWS_INSTALLATION: installation,
    MINIAWS_LISTEN: `127.0.0.1:${await freePort()}`,
    MINIAWS_RESYNC: '1',
    DATABASE_URL: database.url,
  };
  const network = await engine.createNetwork({ Name: foreign, IPAM: { Config: [{ Subnet: '10.215.13.0/28' }] } });
  await engine.createVolume({ Name: foreign });
  const labels = { 'miniaws.dev/installation': `${installation}-other`, 'miniaws.dev/uid': 'x' };
  await engine.createContainer({
    name: foreign,
    Image: image,
    Labels: labels,
    HostConfig: { NetworkMode: network.id },
  });
});
afterAll(async () => {
  const daemon = await readLock(dataFolderAt(dir).daemonLock);
  if (daemon) process.kill(daemon.pid, 'SIGKILL');
  await cleanInstallation(installation);
  await engine.getContainer(foreign).remove({ force: true });
  await engine.getNetwork(foreign).remove();
  await engine.getVolume(foreign).remove();
  await database.drop();
  for (const folder of [dir, home]) await rm(folder, { recursive: true, force: true });
});

/** A person's own, on their PATH. */
const commands = () => join(home, '.local', 'bin');

/** The program as people run it, to its end. */
const miniaws = async (...words: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [PROGRAM, ...words], { env })).stdout;
const api = (): Endpoint => {
  const { server, ca = '', token = '' } = connectionOf({ kubeconfig: join(dir, 'admin.kubeconfig') }, {}, '');
  return { url: server, ca, token };
};
const apply = async (...manifests: Manifest[]) => {
  for (const body of manifests) {
    const answer = await call(api(), 'POST', pathOf(`${body.kind.toLowerCase()}s`), { body });
    expect(answer.status, answer.text).toBe(201);
  }
};
const ready = (...names: string[]) =>
  eventually(
    `${names.join(', ')} to be Ready`,
    async () => {
      const endpoint = api();
      const found = await Promise.all(names.map((name) => call(endpoint, 'GET', pathOf('instances', name))));
      return found.every((answer) => answer.status === 200 && isReady(answer.json<Resource>()));
    },
    30_000,
  );
const namesOf = async () =>
  (await engine.listContainers({ all: true, ...ours })).map((c) => `${c.Labels['miniaws.dev/name']} ${c.State}`).sort();
const idsOf = async () => (await engine.listContainers({ all: true, ...ours })).map((c) => c.Id).sort();
const pidOf = async () => (await readLock(dataFolderAt(dir).daemonLock))?.pid;

describe('the commands for the machine', () => {
  it('up starts the daemon; again, it changes nothing and is quick; the key is private (I10)', async () => {
    const begun = performance.now();
    expect(await miniaws('up', '--no-quickstart')).toMatch(/daemon started \(process \d+/);
    const first = performance.now() - begun;
    const pid = await pidOf();
    expect((await promisify(execFile)('miniaws', ['version'], { env })).stdout).toContain(api().url);
    expect((await stat(join(dir, 'admin.kubeconfig'))).mode & 0o777).toBe(0o600);
    const spec = { image, vpc: 'net', stopGracePeriod: '0s', volumes: [{ name: 'data', mountPath: '/data' }] };
    await apply(vpc('net', { cidrBlock: '10.215.12.0/24' }), instance('kept', spec), instance('other', spec));
    await ready('kept', 'other');
    const before = await idsOf();
    const began = performance.now();
    expect(await miniaws('up', '--no-quickstart')).toContain(`daemon runs already (process ${pid}`);
    expect(performance.now() - began).toBeLessThan(2 * first);
    expect(await idsOf()).toEqual(before);
  });

  it('down leaves the instances running, and up takes them over as they are (I3)', async () => {
    const before = await idsOf();
    expect(await miniaws('down')).toContain('daemon stopped');
    expect(await pidOf()).toBeUndefined();
    expect(await namesOf()).toEqual(['kept running', 'other running']);
    expect(await miniaws('down')).toContain('no daemon runs');
    await miniaws('up', '--no-quickstart');
    await ready('kept', 'other');
    expect(await idsOf()).toEqual(before);
  });

  it('restore brings the documents back; watches from beyond get 410; what came since is an orphan and is not removed', async () => {
    const file = join(dir, 'backup.gz');
    expect(await miniaws('backup', file)).toMatch(/everything as of revision \d+/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await apply(instance('young', { image, vpc: 'net', stopGracePeriod: '0s' }));
    await ready('young');
    await call(api(), 'DELETE', pathOf('instances', 'other'));
    await eventually('the other to be gone', async () => (await namesOf()).join() === 'kept running,young running');
    const newest = (await call(api(), 'GET', pathOf('instances'))).json<{ metadata: { resourceVersion: string } }>()
      .metadata.resourceVersion;
    await expect(miniaws('restore', file, '--force')).rejects.toThrow(/the daemon runs: stop it first/);
    await miniaws('down');
    await expect(miniaws('restore', file)).rejects.toThrow(/--force/);
    expect(await miniaws('restore', file, '--force')).toContain('restored revision');
    await miniaws('up', '--no-quickstart');
    // What was Ready when it was backed up says so until the first look.
    await eventually('the other to be made again', async () => (await namesOf()).includes('other running'));
    await ready('kept', 'other');
    const watching = await watch(api(), `${pathOf('instances')}?watch=true&resourceVersion=${Number(newest) + 100}`);
    await watching.next('410', (e) => e.type === 'ERROR' && e.object.code === 410);
    // It is shown, and runs on.
    const { items } = (await call(api(), 'GET', '/apis/miniaws.dev/v1/orphans')).json<{
      items: { type: string; id: string; owner: { name: string } }[];
    }>();
    expect(items).toMatchObject([{ type: 'container', owner: { name: 'young' } }]);
    expect(await namesOf()).toEqual(['kept running', 'other running', 'young running']);
    const { status } = await call(api(), 'DELETE', `/apis/miniaws.dev/v1/orphans/container/${items[0]!.id}`);
    expect([status, await namesOf()]).toEqual([200, ['kept running', 'other running']]);
  });

  it('down --purge removes everything of this installation, and nothing else (I5)', async () => {
    const volume = volumeNameOf(installation, 'default', 'data');
    expect((await engine.getVolume(volume).inspect()).Name).toBe(volume);
    expect(await miniaws('volumes')).toMatch(
      /default +data +\S+ +Instance\/default\/kept, Instance\/default\/other +in use/,
    );
    expect(await miniaws('down', '--purge', '--yes')).toMatch(/removed 2 containers, 1 network, 1 volume,/);
    const left = [await engine.listContainers({ all: true, ...ours }), await engine.listNetworks(ours)];
    expect(left).toEqual([[], []]);
    await expect(engine.getVolume(volume).inspect()).rejects.toMatchObject({ statusCode: 404 });
    expect((await engine.getContainer(foreign).inspect()).State.Status).toBe('created');
    expect((await engine.getNetwork(foreign).inspect()).Name).toBe(foreign);
    expect((await engine.getVolume(foreign).inspect()).Name).toBe(foreign);
    const tables = await database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
    expect(tables).toEqual([]);
    expect(await readdir(commands())).toEqual([]);
    // What a person put into the folder stays.
    expect(await readdir(dir)).toEqual(['backup.gz']);
  });
});
