import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Compute, ContainerSpec } from '../../../src/drivers/compute.ts';
import { createDockerCompute } from '../../../src/drivers/docker/docker-compute.ts';
import { collect, textOf } from '../contract/context.ts';
import { cleanInstallation, engine, freshInstallation } from '../../support/engine.ts';
import { eventually } from '../../support/wait.ts';
import { testImage } from '../../support/images.ts';

const installation = freshInstallation();
const owner = { uid: 'files', kind: 'Instance', namespace: 'files', name: 'web', generation: 1 };
const compute: Compute = createDockerCompute({ installation });
let id: string;
let networkId: string;
let made = 9;

async function make(name: string, spec: Partial<ContainerSpec>): Promise<string> {
  const container = await compute.createContainer({
    owner,
    specHash: '',
    name: `${installation}-${name}`,
    hostname: name,
    image: await testImage(engine),
    env: {},
    labels: {},
    ports: [],
    mounts: [],
    attachment: { networkId, address: `10.213.251.${made++}`, aliases: [] },
    stopGraceMs: 0,
    logs: { maxBytes: 1_000_000, maxFiles: 1 },
    ...spec,
  });
  return container.id;
}

beforeAll(async () => {
  await compute.open();
  const network = await compute.createNetwork({
    owner,
    name: `${installation}-files`,
    cidrBlock: '10.213.251.0/24',
    gateway: '10.213.251.1',
    internal: false,
  });
  networkId = network.id;
  id = await make('files', {
    command: ['sleep', '1000'],
    ulimits: [{ name: 'nofile', soft: 4_321, hard: 4_321 }],
  });
});

afterAll(async () => {
  await compute.close();
  await cleanInstallation(installation);
});

async function shell(line: string, of = id): Promise<string> {
  const session = await compute.exec(of, { command: ['sh', '-c', line], tty: false, stdin: false });
  return textOf(await collect(session.output), 'stdout').trim();
}

async function output(of: string): Promise<string> {
  const options = { follow: false, timestamps: false };
  return textOf(await collect(compute.logs(of, options, new AbortController().signal)), 'stdout').trim();
}

describe('files in a real container', () => {
  it('have the mode that was asked for, belong to root, and leave the folders on their way as they were', async () => {
    await compute.writeFiles(id, [{ path: '/tmp/new/deep/file', content: 'x', mode: 0o640 }]);
    await compute.startContainer(id);
    expect(await shell('stat -c "%a %u %g" /tmp /tmp/new /tmp/new/deep /tmp/new/deep/file')).toBe(
      ['1777 0 0', '755 0 0', '755 0 0', '640 0 0'].join('\n'),
    );
  });

  it('belong to whom they shall, however large the number, and are replaced without a moment in which one is missing', async () => {
    const file = (content: string) => ({ path: '/tmp/owned', content, mode: 0o400, uid: 3_000_000, gid: 1_000 });
    await compute.writeFiles(id, [file('0')]);
    expect(await shell('stat -c "%a %u %g" /tmp/owned')).toBe('400 3000000 1000');
    const reader = shell(
      'i=0; while [ $i -lt 500 ]; do cat /tmp/owned >/dev/null || exit 1; i=$((i+1)); done; echo read',
    );
    for (let n = 1; n <= 10; n++)
      expect(await compute.replaceFiles(id, { files: [file(String(n))], removed: [] })).toBe('renamed');
    expect(await reader).toBe('read');
    expect(await shell('cat /tmp/owned; stat -c " %a %u %g" /tmp/owned; ls -A /tmp')).toBe(
      '10 400 3000000 1000\nnew\nowned',
    );
  });

  it('a signal reaches the process, which the Engine goes on to restart; where there is no shell, files are written in place', async () => {
    const script = "trap 'cat /tmp/told' HUP; echo set >> /tmp/starts; while true; do sleep 0.05; done";
    const told = { path: '/tmp/told', content: 'told once\n', mode: 0o444 };
    const again = await make('signalled', { command: ['sh', '-c', script], init: true, restart: 'unless-stopped' });
    await compute.startContainer(again);
    const trapsSet = (times: number) =>
      shell('wc -l < /tmp/starts', again).then(
        (lines) => Number(lines) === times,
        () => false,
      );
    await eventually('the trap to be set', () => trapsSet(1));
    expect(await compute.replaceFiles(again, { files: [told], removed: [], signal: 'HUP' })).toBe('renamed');
    await eventually('the signal to be heard', async () => (await output(again)) === 'told once');
    await shell('kill -9 -1', again).catch(() => undefined);
    await eventually(
      'the Engine to restart it',
      async () => (await engine.getContainer(again).inspect()).RestartCount > 0,
    );
    await eventually('the trap to be set again', () => trapsSet(2));
    await shell('rm /bin/sh', again);
    const unseen = { files: [{ ...told, content: 'told twice\n' }], removed: ['/etc/passwd'], signal: 'HUP' };
    expect(await compute.replaceFiles(again, unseen)).toBe('written');
    await eventually('the signal to be heard', async () => (await output(again)).endsWith('told twice'));
  });

  it('the Engine writes none where the root file system is read-only', async () => {
    const locked = await make('locked', { readOnlyRoot: true });
    const file = { path: '/etc/app.conf', content: 'x', mode: 0o444 };
    await expect(compute.writeFiles(locked, [file])).rejects.toThrow('read-only');
  });

  it('are as many at once as the specification says', async () => {
    expect(await shell('ulimit -n; ulimit -Hn')).toBe('4321\n4321');
  });

  it('a folder in the place of a file is not replaced', async () => {
    await expect(compute.writeFiles(id, [{ path: '/tmp/new/deep', content: 'x', mode: 0o644 }])).rejects.toThrow(
      'write /tmp/new/deep',
    );
  });
});
