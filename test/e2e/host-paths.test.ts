import { mkdir, mkdtemp, realpath, rm, rmdir, symlink, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
let folder: string;

const spec = (hostPath: string) => ({
  image: cloud.image,
  vpc: 'paths',
  stopGracePeriod: '0s',
  volumes: [{ hostPath, mountPath: '/host', readOnly: true }],
});

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'miniaws-paths-')));
  await mkdir(join(folder, 'allowed', 'data'), { recursive: true });
  await symlink('/var/run', join(folder, 'allowed', 'link'));
  await symlink(join(folder, 'allowed', 'data'), join(folder, 'allowed', 'inside'));
  cloud = await Cloud.start({ env: { MINIAWS_ALLOW_HOST_PATH: join(folder, 'allowed') } });
  await cloud.apply(vpc('paths', { cidrBlock: '10.214.64.0/24' }));
});
afterAll(async () => {
  await cloud?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('folders of the host', () => {
  it('a link that leads to the Engine’s socket is never mounted; one that was corrected is', async () => {
    const path = join(folder, 'allowed', 'link');
    await cloud.apply(instance('web', spec(path)));
    const refused = await cloud.condition('instances', 'web', 'Ready', ({ reason }) => reason === 'Refused');
    expect(refused.message).toMatch(/leads to \/.*run.* would expose .*: it is never mounted/);
    expect(await cloud.containers()).toEqual([]);
    await unlink(path);
    await symlink(join(folder, 'allowed', 'data'), path);
    await cloud.ready('instances', 'web');
    // Where it led then is what is mounted, whatever becomes of the link.
    const { Mounts } = await cloud.container('web');
    expect(Mounts.map((mount) => mount.Source)).toEqual([join(folder, 'allowed', 'data')]);
    await cloud.remove('instances', 'web');
    await cloud.gone('instances', 'web');
  });

  it('a link to what is not allowed is refused, one inside is not', async () => {
    await symlink('/etc', join(folder, 'allowed', 'outside'));
    await cloud.apply(instance('outside', spec(join(folder, 'allowed', 'outside'))));
    const refused = await cloud.condition('instances', 'outside', 'Ready', ({ reason }) => reason === 'Refused');
    expect(refused.message).toContain('leads to /etc, which is not below');
    await cloud.apply(instance('inside', spec(join(folder, 'allowed', 'inside'))));
    await cloud.ready('instances', 'inside');
  });

  it('a folder that became a link since it was mounted is not mounted again at a start', async () => {
    const path = join(folder, 'allowed', 'swapped');
    await mkdir(path);
    await cloud.apply(instance('swapped', spec(path)));
    await cloud.ready('instances', 'swapped');
    await cloud.apply(instance('swapped', { ...spec(path), powerState: 'Stopped' }));
    await eventually('the stop', async () => (await cloud.container('swapped')).State.Status === 'exited');
    await rmdir(path);
    await symlink('/etc', path);
    await cloud.apply(instance('swapped', { ...spec(path), powerState: 'Running' }));
    const refused = await cloud.condition('instances', 'swapped', 'Ready', ({ reason }) => reason === 'Refused');
    expect(refused.message).toContain(`${path} leads to /etc, which is not below`);
    await unlink(path);
    await symlink(join(folder, 'allowed', 'data'), path);
    await cloud.condition('instances', 'swapped', 'Ready', ({ message }) => message.includes('it was another folder'));
    expect((await cloud.container('swapped')).State.Status).toBe('exited');
    await unlink(path);
    await mkdir(path);
    await cloud.ready('instances', 'swapped');
  });

  it('what is the daemon’s own is refused, whatever is allowed', async () => {
    await expect(cloud.apply(instance('own', spec(cloud.daemon.dataDir)))).rejects.toThrow(/is never mounted/);
  });
});
