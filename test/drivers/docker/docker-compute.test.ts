import { afterAll, expect, it } from 'vitest';
import { createDockerCompute } from '../../../src/drivers/docker/docker-compute.ts';
import { cleanInstallation, engine, engineProxy, freshInstallation } from '../../support/engine.ts';
import { testImage } from '../../support/images.ts';
import { computeContract } from '../contract.ts';
import { collect, textOf, type ContractContext, type ContractSubject } from '../contract/context.ts';

const installation = freshInstallation();
/** Objects that play somebody else's: they bear another installation's mark, so that they are found and removed. */
const foreign = freshInstallation();
const Labels = { 'miniaws.dev/installation': foreign, 'miniaws.dev/uid': 'foreign' };

async function open(): Promise<ContractSubject> {
  const image = await testImage(engine);
  const proxy = await engineProxy();
  const compute = createDockerCompute({ installation, host: proxy.host });
  return {
    compute,
    image,
    another: () => createDockerCompute({ installation }),
    tamper: {
      kill: (id) => engine.getContainer(id).kill(),
      stop: (id) => engine.getContainer(id).stop({ t: 0 }),
      pause: (id) => engine.getContainer(id).pause(),
      rename: (id, name) => engine.getContainer(id).rename({ name }),
      remove: (id) => engine.getContainer(id).remove({ force: true }),
      disconnect: (id, networkId) => engine.getNetwork(networkId).disconnect({ Container: id, Force: true }),
      removeNetwork: (id) => engine.getNetwork(id).remove(),
      foreignContainer: async (name, networkId) => {
        const on = networkId === undefined ? {} : { HostConfig: { NetworkMode: networkId } };
        const made = await engine.createContainer({ name, Image: image, Labels, Cmd: ['sleep', '1000'], ...on });
        if (networkId !== undefined) await made.start();
        return made.id;
      },
      foreignNetwork: async (Name, Subnet) =>
        (await engine.createNetwork({ Name, Labels, IPAM: { Driver: 'default', Config: [{ Subnet }] } })).id,
      foreignVolume: async (Name) => void (await engine.createVolume({ Name, Labels })),
      cut: () => proxy.cut(),
      restore: () => proxy.restore(),
    },
    close: async () => {
      await compute.close();
      await proxy.close();
    },
  };
}

afterAll(async () => {
  await cleanInstallation(installation);
  await cleanInstallation(foreign);
});

/** A simulated process has no terminal. */
function terminals(t: ContractContext): void {
  it('gives a terminal the size that is asked for', async () => {
    const { id } = await t.started();
    const command = ['sh', '-c', 'read _; stty size'];
    const session = await t.compute.exec(id, { command, tty: true, stdin: true });
    await session.resize(132, 50);
    void session.write(Buffer.from('\n'));
    expect(textOf(await collect(session.output), 'stdout')).toMatch(/^50 132\r?$/m);
  });
}

computeContract('docker', open, terminals);
