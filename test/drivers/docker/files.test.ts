import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Compute } from '../../../src/drivers/compute.ts';
import { createDockerCompute } from '../../../src/drivers/docker/docker-compute.ts';
import { collect, textOf } from '../contract/context.ts';
import { cleanInstallation, engine, freshInstallation } from '../../support/engine.ts';
import { testImage } from '../../support/images.ts';

const installation = freshInstallation();
const owner = { uid: 'files', kind: 'Instance', namespace: 'files', name: 'web', generation: 1 };
const compute: Compute = createDockerCompute({ installation });
let id: string;

beforeAll(async () => {
  await compute.open();
  const network = await compute.createNetwork({
    owner,
    name: `${installation}-files`,
    cidrBlock: '10.213.251.0/24',
    gateway: '10.213.251.1',
    internal: false,
  });
  const made = await compute.createContainer({
    owner,
    specHash: '',
    name: `${installation}-files`,
    hostname: 'files',
    image: await testImage(engine),
    command: ['sleep', '1000'],
    env: {},
    labels: {},
    ports: [],
    mounts: [],
    attachment: { networkId: network.id, address: '10.213.251.9', aliases: [] },
    stopGraceMs: 0,
    logs: { maxBytes: 1_000_000, maxFiles: 1 },
    ulimits: [{ name: 'nofile', soft: 4_321, hard: 4_321 }],
  });
  id = made.id;
});

afterAll(async () => {
  await compute.close();
  await cleanInstallation(installation);
});

async function shell(line: string): Promise<string> {
  const session = await compute.exec(id, { command: ['sh', '-c', line], tty: false, stdin: false });
  return textOf(await collect(session.output), 'stdout').trim();
}

describe('files in a real container', () => {
  it('have the mode that was asked for, belong to root, and leave the folders on their way as they were', async () => {
    await compute.writeFile(id, '/tmp/new/deep/file', 'x', 0o640);
    await compute.startContainer(id);
    expect(await shell('stat -c "%a %u %g" /tmp /tmp/new /tmp/new/deep /tmp/new/deep/file')).toBe(
      ['1777 0 0', '755 0 0', '755 0 0', '640 0 0'].join('\n'),
    );
  });

  it('are as many at once as the specification says', async () => {
    expect(await shell('ulimit -n; ulimit -Hn')).toBe('4321\n4321');
  });

  it('a folder in the place of a file is not replaced', async () => {
    await expect(compute.writeFile(id, '/tmp/new/deep', 'x', 0o644)).rejects.toThrow('write /tmp/new/deep');
  });
});
