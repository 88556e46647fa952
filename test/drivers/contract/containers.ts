import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.ts';
import { expectPassError, type ContractContext } from './context.ts';

/** What a caller does to containers. */
export function containerContract(t: ContractContext): void {
  const { networkSpec, containerSpec, started, theOne, heard } = t;

  describe('containers', () => {
    it('has what was asked for, seen by the next observation', async () => {
      const spec = containerSpec({ cpus: 0.5, memoryBytes: 64 * 2 ** 20, restart: 'on-failure', defaults: '1' });
      const made = await t.compute.createContainer(spec);
      expect(theOne(spec.owner.uid)).toEqual(made);
      expect(made).toMatchObject({
        name: spec.name,
        owner: spec.owner,
        specHash: 'a1',
        defaults: '1',
        state: 'created',
        cpus: 0.5,
        memoryBytes: 64 * 2 ** 20,
        restart: 'on-failure',
        restarts: 0,
        oomKilled: false,
        attachments: [{ networkId: t.network.id, address: spec.attachment.address }],
        ports: [],
      });
      expect(made.exitCode).toBeUndefined();
      expect(made.startedAt).toBeUndefined();
      await t.compute.startContainer(made.id);
      const running = theOne(spec.owner.uid);
      expect(running.state).toBe('running');
      expect(running.startedAt).toBeInstanceOf(Date);
      expect(running.attachments).toMatchObject([{ networkId: t.network.id, address: spec.attachment.address }]);
      await t.compute.startContainer(made.id);
    });

    it('I3: creation is find-or-create by name, whatever the hash', async () => {
      const spec = containerSpec();
      const first = await t.compute.createContainer(spec);
      expect((await t.compute.createContainer(spec)).id).toBe(first.id);
      const changed = await t.compute.createContainer({ ...spec, specHash: 'b2' });
      expect([changed.id, changed.specHash]).toEqual([first.id, 'a1']);
    });

    it('I3: removal of what is gone succeeds, running or not', async () => {
      const container = await started();
      await Promise.all([t.compute.removeContainer(container.id), t.compute.removeContainer(container.id)]);
      await t.compute.removeContainer(container.id);
      expect(t.compute.containers(container.owner.uid).state).toBe('absent');
      await t.compute.stopContainer(container.id, 0, 60_000);
    });

    it('I5: a name held by another is NameTaken until it is free, and the holder is left alone', async () => {
      const spec = containerSpec();
      const holder = await t.tamper.foreignContainer(spec.name);
      const error = await expectPassError('NameTaken', t.compute.createContainer(spec));
      expect(error.message).toContain(spec.name);
      await expectPassError('NameTaken', t.compute.removeContainer(holder));
      await expectPassError('NameTaken', t.compute.startContainer(holder));
      await expectPassError('NameTaken', t.compute.stopContainer(holder, 0, 60_000));
      expect(t.compute.containers(spec.owner.uid).state).toBe('absent');
      await t.tamper.rename(holder, `${spec.name}-moved`);
      await heard(spec.owner.uid, /was renamed/);
      await t.compute.createContainer(spec);
    });

    it('a missing image is ImageUnavailable', async () => {
      await expectPassError(
        'ImageUnavailable',
        t.compute.createContainer(containerSpec({ image: 'contract/missing:1' })),
      );
    });

    it('a missing executable is StartFailed, and the container says why', async () => {
      const spec = containerSpec({ command: ['/missing-executable'] });
      const made = await t.compute.createContainer(spec);
      await expectPassError('StartFailed', t.compute.startContainer(made.id));
      const failed = theOne(spec.owner.uid);
      expect(failed.state).toBe('created');
      expect(failed.error).toContain('missing-executable');
    });

    it('publishes ports, and says which one it got', async () => {
      const asked = { hostAddress: '127.0.0.1', hostPort: 0, containerPort: 80, protocol: 'tcp' as const };
      const { ports } = await started({ ports: [asked] });
      expect(ports).toEqual([{ ...asked, hostPort: expect.any(Number) }]);
      expect(ports[0]?.hostPort).toBeGreaterThan(0);
    });

    it('a host port that is held is PortInUse and named', async () => {
      const first = await started({ ports: [{ hostAddress: '', hostPort: 0, containerPort: 80, protocol: 'tcp' }] });
      const { hostPort } = first.ports[0]!;
      expect(first.ports).toHaveLength(1);
      const second = await t.compute.createContainer(
        containerSpec({ ports: [{ hostAddress: '', hostPort, containerPort: 80, protocol: 'tcp' }] }),
      );
      const error = await expectPassError('PortInUse', t.compute.startContainer(second.id));
      expect(error.message).toContain(String(hostPort));
      await t.compute.removeContainer(first.id);
      await t.compute.startContainer(second.id);
      expect(theOne(second.owner.uid).state).toBe('running');
    });

    it('an address that is held is AddressInUse', async () => {
      const first = await started();
      const taken = first.attachments[0]!.address;
      const spec = containerSpec({ attachment: { networkId: t.network.id, address: taken, aliases: [] } });
      const second = await t.compute.createContainer(spec);
      await expectPassError('AddressInUse', t.compute.startContainer(second.id));
    });

    it('changes limits and restart policy in place, up and down', async () => {
      const { id, owner: by, startedAt } = await started({ cpus: 0.5, memoryBytes: 64 * 2 ** 20 });
      for (const [cpus, megabytes] of [
        [1, 512],
        [0.25, 32],
      ] as const) {
        await t.compute.updateContainer(id, { cpus, memoryBytes: megabytes * 2 ** 20 });
        expect(theOne(by.uid)).toMatchObject({ cpus, memoryBytes: megabytes * 2 ** 20, startedAt });
      }
      await t.compute.updateContainer(id, { restart: 'unless-stopped' });
      expect(theOne(by.uid)).toMatchObject({ cpus: 0.25, restart: 'unless-stopped', state: 'running' });
    });

    it('stops with SIGTERM first, and kills after the grace', async () => {
      const polite = await started({ command: ['sh', '-c', "trap 'exit 7' TERM; while true; do sleep 0.05; done"] });
      await eventually('the trap to be set', () => Date.now() - polite.startedAt!.getTime() > 300);
      await t.compute.stopContainer(polite.id, 10_000, 60_000);
      expect(theOne(polite.owner.uid)).toMatchObject({ state: 'exited', exitCode: 7 });
      const stubborn = await started({ command: ['sleep', '1000'] });
      await t.compute.stopContainer(stubborn.id, 0, 60_000);
      expect(theOne(stubborn.owner.uid)).toMatchObject({ state: 'exited', exitCode: 137 });
      await t.compute.stopContainer(stubborn.id, 0, 60_000);
      expect(theOne(stubborn.owner.uid).finishedAt).toBeInstanceOf(Date);
    });

    it('renames, and a taken name is NameTaken', async () => {
      const [one, other] = [await started(), await started()];
      await t.compute.renameContainer(one.id, `${one.name}-renamed`);
      expect(theOne(one.owner.uid).name).toBe(`${one.name}-renamed`);
      await expectPassError('NameTaken', t.compute.renameContainer(one.id, other.name));
    });

    it('connects and disconnects, again and again', async () => {
      const { id, owner: by, attachments } = await started();
      const attachment = { networkId: t.network.id, address: attachments[0]!.address, aliases: ['web'] };
      await t.compute.disconnectContainer(id, t.network.id);
      expect(theOne(by.uid).attachments).toEqual([]);
      await t.compute.disconnectContainer(id, t.network.id);
      await t.compute.connectContainer(id, attachment);
      await t.compute.connectContainer(id, attachment);
      expect(theOne(by.uid).attachments).toEqual(attachments.map((a) => ({ ...a, aliases: ['web'] })));
    });

    it('a second network is told apart from the first before the first start, and after a stop', async () => {
      const other = await t.compute.createNetwork(networkSpec());
      const at = other.gateway.replace(/\.1$/, '.9');
      const made = await t.compute.createContainer(containerSpec());
      const [first] = made.attachments;
      // The Engine adds the host name by itself.
      const second = { networkId: other.id, address: at, aliases: ['back', 'web'] };
      const both = [first, second];
      const connect = () => t.compute.connectContainer(made.id, second);
      await connect();
      expect(theOne(made.owner.uid)).toMatchObject({ state: 'created', attachments: both });
      await t.compute.startContainer(made.id);
      expect(theOne(made.owner.uid)).toMatchObject({ state: 'running', attachments: both });
      await t.compute.stopContainer(made.id, 0, 60_000);
      await t.compute.disconnectContainer(made.id, other.id);
      expect(theOne(made.owner.uid).attachments).toEqual([first]);
      await connect();
      expect(theOne(made.owner.uid)).toMatchObject({ state: 'exited', attachments: both });
    });

    it('a stopped container keeps its address, and leaves a network that is gone', async () => {
      const made = await t.compute.createNetwork(networkSpec());
      const at = made.gateway.replace(/\.1$/, '.9');
      const { id, owner: by } = await started({ attachment: { networkId: made.id, address: at, aliases: [] } });
      await t.compute.stopContainer(id, 0, 60_000);
      expect(theOne(by.uid).attachments).toMatchObject([{ networkId: made.id, address: at }]);
      await t.compute.removeNetwork(made.id);
      const anew = await t.compute.createNetwork(made);
      await t.compute.disconnectContainer(id, made.id);
      expect(theOne(by.uid).attachments).toEqual([]);
      await t.compute.connectContainer(id, { networkId: anew.id, address: at, aliases: [] });
      await t.compute.startContainer(id);
      expect(theOne(by.uid)).toMatchObject({ state: 'running', attachments: [{ networkId: anew.id, address: at }] });
    });
  });
}
