import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PassError, type PassReason } from '../../src/base/errors.ts';
import type {
  Change,
  Compute,
  Container,
  ContainerSpec,
  Network,
  NetworkSpec,
  OutputChunk,
  Owner,
} from '../../src/drivers/compute.ts';
import { engineName } from '../../src/drivers/labels.ts';
import { eventually } from '../support/wait.ts';

/** What a person, or another program, does to the Engine behind the driver's back. */
interface Tamper {
  kill(id: string): Promise<void>;
  stop(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  remove(id: string): Promise<void>;
  disconnect(id: string, networkId: string): Promise<void>;
  removeNetwork(id: string): Promise<void>;
  /** Both answer the new object's id; they are removed after the test file. */
  foreignContainer(name: string): Promise<string>;
  foreignNetwork(name: string, cidrBlock: string): Promise<string>;
  foreignVolume(name: string): Promise<void>;
  cut(): Promise<void>;
  restore(): Promise<void>;
}

export interface ContractSubject {
  compute: Compute;
  /** Another driver on the same Engine for the same installation, as a daemon started anew has. */
  another(): Compute;
  /** An image with sh, echo, sleep and cat. */
  image: string;
  tamper: Tamper;
  /** Ranges 10.213.x.0/24 are used. */
  close(): Promise<void>;
}

/** The promises of `Compute`, the same for every implementation. */
export function computeContract(name: string, open: () => Promise<ContractSubject>): void {
  describe(name, () => {
    let subject: ContractSubject;
    let compute: Compute;
    let tamper: Tamper;
    let changes: Change[];
    let network: Network;
    let hosts = 10;
    let subnets = 10;

    const owner = (kind = 'Instance', label = 'web'): Owner => ({
      uid: randomUUID(),
      kind,
      namespace: 'contract',
      name: label,
      generation: 1,
    });
    const networkSpec = (more: Partial<NetworkSpec> = {}): NetworkSpec => {
      const by = owner('VPC', 'net');
      const third = subnets++;
      return {
        owner: by,
        name: engineName(by),
        cidrBlock: `10.213.${third}.0/24`,
        gateway: `10.213.${third}.1`,
        internal: false,
        ...more,
      };
    };
    const address = () => network.gateway.replace(/\.1$/, `.${hosts++}`);
    const containerSpec = (more: Partial<ContainerSpec> = {}): ContainerSpec => {
      const by = more.owner ?? owner();
      return {
        owner: by,
        specHash: 'a1',
        name: engineName(by),
        hostname: by.name,
        image: subject.image,
        command: ['sleep', '1000'],
        env: { GREETING: 'hello' },
        labels: { team: 'blue' },
        ports: [],
        mounts: [],
        attachment: { networkId: network.id, address: address(), aliases: [by.name] },
        stopGraceMs: 1_000,
        logs: { maxBytes: 1_000_000, maxFiles: 2 },
        restart: 'no',
        ...more,
      };
    };
    const started = async (more: Partial<ContainerSpec> = {}): Promise<Container> => {
      const made = await compute.createContainer(containerSpec(more));
      await compute.startContainer(made.id);
      return theOne(made.owner.uid);
    };
    const seen = (uid: string): Container | undefined => {
      const observed = compute.containers(uid);
      return observed.state === 'present' ? observed.value[0] : undefined;
    };
    const theOne = (uid: string): Container => {
      const observed = compute.containers(uid);
      if (observed.state !== 'present' || observed.value.length !== 1) throw new Error(JSON.stringify(observed));
      return observed.value[0]!;
    };
    const heard = (uid: string, words: RegExp) =>
      eventually(`a change of ${uid} saying ${words}: ${JSON.stringify(changes.map((c) => c.what))}`, () =>
        changes.find((change) => change.owner?.uid === uid && words.test(change.what)),
      );

    beforeAll(async () => {
      subject = await open();
      ({ compute, tamper } = subject);
      await compute.open();
      compute.subscribe((change) => changes.push(change));
      changes = [];
      network = await compute.createNetwork(networkSpec());
    });
    beforeEach(() => void (changes = []));
    afterAll(() => subject?.close());

    describe('identity and reach', () => {
      it('names its Engine, the same each time', async () => {
        const id = await compute.engineId();
        expect(id).not.toBe('');
        expect(await subject.another().engineId()).toBe(id);
      });

      it('I4: is unobservable before it has looked', () => {
        const other = subject.another();
        expect(other.containers(randomUUID()).state).toBe('unobservable');
        expect(other.networks(randomUUID()).state).toBe('unobservable');
        expect(other.everything().state).toBe('unobservable');
        expect(other.outage()).toBeTypeOf('string');
      });

      it('I4: says absent only of what is not there', () => {
        expect(compute.outage()).toBeUndefined();
        expect(compute.containers(randomUUID()).state).toBe('absent');
        expect(compute.networks(randomUUID()).state).toBe('absent');
      });

      it('I4: is unobservable while the Engine is out of reach, refuses calls, and recovers by itself', async () => {
        const container = await started();
        await tamper.cut();
        await eventually('the outage to be noticed', () => compute.outage() !== undefined);
        expect(compute.containers(container.owner.uid).state).toBe('unobservable');
        await expectPassError('EngineUnavailable', compute.createContainer(containerSpec()));
        await expectPassError('EngineUnavailable', compute.startContainer(container.id));
        await tamper.restore();
        await eventually('the recovery', () => compute.outage() === undefined);
        expect(theOne(container.owner.uid).state).toBe('running');
      });

      it('I4: after an outage it has what happened meanwhile', async () => {
        const [removed, killed] = [await started(), await started()];
        await tamper.cut();
        await eventually('the outage to be noticed', () => compute.outage() !== undefined);
        await tamper.remove(removed.id);
        await tamper.kill(killed.id);
        await tamper.restore();
        await eventually('the recovery', () => compute.outage() === undefined);
        expect(compute.containers(removed.owner.uid).state).toBe('absent');
        expect(theOne(killed.owner.uid)).toMatchObject({ state: 'exited', exitCode: 137 });
      });

      it('a driver opened later sees all that is there, as it is', async () => {
        const container = await started({
          ports: [{ hostAddress: '', hostPort: 0, containerPort: 80, protocol: 'tcp' }],
        });
        const other = subject.another();
        await other.open();
        try {
          expect(other.containers(container.owner.uid)).toEqual(compute.containers(container.owner.uid));
          expect(other.networks(network.owner.uid)).toEqual({ state: 'present', value: [network] });
          const all = other.everything();
          const ids = all.state === 'present' ? all.value.map((o) => o.id) : [];
          expect(ids).toEqual(expect.arrayContaining([container.id, network.id]));
        } finally {
          await other.close();
        }
      });
    });

    describe('networks', () => {
      it('I3: creation is find-or-create by name', async () => {
        const spec = networkSpec({ internal: true });
        const [first, second] = await Promise.all([compute.createNetwork(spec), compute.createNetwork(spec)]);
        const third = await compute.createNetwork(spec);
        expect(first).toEqual({ ...spec, id: first.id });
        expect([second.id, third.id]).toEqual([first.id, first.id]);
        expect(compute.networks(spec.owner.uid)).toEqual({ state: 'present', value: [first] });
      });

      it('I3: removal of what is gone succeeds', async () => {
        const made = await compute.createNetwork(networkSpec());
        await compute.removeNetwork(made.id);
        expect(compute.networks(made.owner.uid).state).toBe('absent');
        await compute.removeNetwork(made.id);
      });

      it('I5: a name held by another is NameTaken, and the holder is left alone', async () => {
        const spec = networkSpec();
        const holder = await tamper.foreignNetwork(spec.name, networkSpec().cidrBlock);
        const error = await expectPassError('NameTaken', compute.createNetwork(spec));
        expect(error.message).toContain(spec.name);
        await expectPassError('NameTaken', compute.removeNetwork(holder));
        await tamper.removeNetwork(holder);
        await heard(spec.owner.uid, /was removed/);
        await compute.createNetwork(spec);
      });

      it('a range that overlaps names the holder', async () => {
        const spec = networkSpec();
        const holder = await tamper.foreignNetwork(`holder-${spec.owner.uid.slice(0, 8)}`, spec.cidrBlock);
        const error = await expectPassError('CidrOverlap', compute.createNetwork(spec));
        expect(error.message).toContain(`holder-${spec.owner.uid.slice(0, 8)}`);
        expect(error.message).toContain(spec.cidrBlock);
        await eventually('the range to be known as foreign', () => compute.foreignRanges().includes(spec.cidrBlock));
        expect(compute.foreignRanges()).not.toContain(network.cidrBlock);
        await tamper.removeNetwork(holder);
        await heard(spec.owner.uid, /was removed/);
      });

      it('tells when one is removed by hand', async () => {
        const made = await compute.createNetwork(networkSpec());
        await tamper.removeNetwork(made.id);
        await heard(made.owner.uid, /^network was removed$/);
        expect(compute.networks(made.owner.uid).state).toBe('absent');
      });
    });

    describe('containers', () => {
      it('has what was asked for, seen by the next observation', async () => {
        const spec = containerSpec({ cpus: 0.5, memoryBytes: 64 * 2 ** 20, restart: 'on-failure' });
        const made = await compute.createContainer(spec);
        expect(theOne(spec.owner.uid)).toEqual(made);
        expect(made).toMatchObject({
          name: spec.name,
          owner: spec.owner,
          specHash: 'a1',
          state: 'created',
          cpus: 0.5,
          memoryBytes: 64 * 2 ** 20,
          restart: 'on-failure',
          restarts: 0,
          oomKilled: false,
          attachments: [{ networkId: network.id, address: spec.attachment.address }],
          ports: [],
        });
        expect(made.exitCode).toBeUndefined();
        expect(made.startedAt).toBeUndefined();
        await compute.startContainer(made.id);
        const running = theOne(spec.owner.uid);
        expect(running.state).toBe('running');
        expect(running.startedAt).toBeInstanceOf(Date);
        expect(running.attachments).toEqual([{ networkId: network.id, address: spec.attachment.address }]);
        await compute.startContainer(made.id);
      });

      it('I3: creation is find-or-create by name, whatever the hash', async () => {
        const spec = containerSpec();
        const first = await compute.createContainer(spec);
        expect((await compute.createContainer(spec)).id).toBe(first.id);
        const changed = await compute.createContainer({ ...spec, specHash: 'b2' });
        expect([changed.id, changed.specHash]).toEqual([first.id, 'a1']);
      });

      it('I3: removal of what is gone succeeds, running or not', async () => {
        const container = await started();
        await Promise.all([compute.removeContainer(container.id), compute.removeContainer(container.id)]);
        await compute.removeContainer(container.id);
        expect(compute.containers(container.owner.uid).state).toBe('absent');
        await compute.stopContainer(container.id, 0);
      });

      it('I5: a name held by another is NameTaken until it is free, and the holder is left alone', async () => {
        const spec = containerSpec();
        const holder = await tamper.foreignContainer(spec.name);
        const error = await expectPassError('NameTaken', compute.createContainer(spec));
        expect(error.message).toContain(spec.name);
        await expectPassError('NameTaken', compute.removeContainer(holder));
        await expectPassError('NameTaken', compute.startContainer(holder));
        await expectPassError('NameTaken', compute.stopContainer(holder, 0));
        expect(compute.containers(spec.owner.uid).state).toBe('absent');
        await tamper.rename(holder, `${spec.name}-moved`);
        await heard(spec.owner.uid, /was renamed/);
        await compute.createContainer(spec);
      });

      it('a missing image is ImageUnavailable', async () => {
        await expectPassError(
          'ImageUnavailable',
          compute.createContainer(containerSpec({ image: 'contract/missing:1' })),
        );
      });

      it('a missing executable is StartFailed, and the container says why', async () => {
        const spec = containerSpec({ command: ['/missing-executable'] });
        const made = await compute.createContainer(spec);
        await expectPassError('StartFailed', compute.startContainer(made.id));
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
        const second = await compute.createContainer(
          containerSpec({ ports: [{ hostAddress: '', hostPort, containerPort: 80, protocol: 'tcp' }] }),
        );
        const error = await expectPassError('PortInUse', compute.startContainer(second.id));
        expect(error.message).toContain(String(hostPort));
        await compute.removeContainer(first.id);
        await compute.startContainer(second.id);
        expect(theOne(second.owner.uid).state).toBe('running');
      });

      it('an address that is held is AddressInUse', async () => {
        const first = await started();
        const taken = first.attachments[0]!.address;
        const spec = containerSpec({ attachment: { networkId: network.id, address: taken, aliases: [] } });
        const second = await compute.createContainer(spec);
        await expectPassError('AddressInUse', compute.startContainer(second.id));
      });

      it('changes limits and restart policy in place, up and down', async () => {
        const { id, owner: by, startedAt } = await started({ cpus: 0.5, memoryBytes: 64 * 2 ** 20 });
        for (const [cpus, megabytes] of [
          [1, 512],
          [0.25, 32],
        ] as const) {
          await compute.updateContainer(id, { cpus, memoryBytes: megabytes * 2 ** 20 });
          expect(theOne(by.uid)).toMatchObject({ cpus, memoryBytes: megabytes * 2 ** 20, startedAt });
        }
        await compute.updateContainer(id, { restart: 'unless-stopped' });
        expect(theOne(by.uid)).toMatchObject({ cpus: 0.25, restart: 'unless-stopped', state: 'running' });
      });

      it('stops with SIGTERM first, and kills after the grace', async () => {
        const polite = await started({ command: ['sh', '-c', "trap 'exit 7' TERM; while true; do sleep 0.05; done"] });
        await eventually('the trap to be set', () => Date.now() - polite.startedAt!.getTime() > 300);
        await compute.stopContainer(polite.id, 10_000);
        expect(theOne(polite.owner.uid)).toMatchObject({ state: 'exited', exitCode: 7 });
        const stubborn = await started({ command: ['sleep', '1000'] });
        await compute.stopContainer(stubborn.id, 0);
        expect(theOne(stubborn.owner.uid)).toMatchObject({ state: 'exited', exitCode: 137 });
        await compute.stopContainer(stubborn.id, 0);
        expect(theOne(stubborn.owner.uid).finishedAt).toBeInstanceOf(Date);
      });

      it('renames, and a taken name is NameTaken', async () => {
        const [one, other] = [await started(), await started()];
        await compute.renameContainer(one.id, `${one.name}-renamed`);
        expect(theOne(one.owner.uid).name).toBe(`${one.name}-renamed`);
        await expectPassError('NameTaken', compute.renameContainer(one.id, other.name));
      });

      it('connects and disconnects, again and again', async () => {
        const { id, owner: by, attachments } = await started();
        const attachment = { networkId: network.id, address: attachments[0]!.address, aliases: ['web'] };
        await compute.disconnectContainer(id, network.id);
        expect(theOne(by.uid).attachments).toEqual([]);
        await compute.disconnectContainer(id, network.id);
        await compute.connectContainer(id, attachment);
        await compute.connectContainer(id, attachment);
        expect(theOne(by.uid).attachments).toEqual(attachments);
      });

      it('a stopped container keeps its address, and leaves a network that is gone', async () => {
        const made = await compute.createNetwork(networkSpec());
        const at = made.gateway.replace(/\.1$/, '.9');
        const { id, owner: by } = await started({ attachment: { networkId: made.id, address: at, aliases: [] } });
        await compute.stopContainer(id, 0);
        expect(theOne(by.uid).attachments).toEqual([{ networkId: made.id, address: at }]);
        await compute.removeNetwork(made.id);
        const anew = await compute.createNetwork(made);
        await compute.disconnectContainer(id, made.id);
        expect(theOne(by.uid).attachments).toEqual([]);
        await compute.connectContainer(id, { networkId: anew.id, address: at, aliases: [] });
        await compute.startContainer(id);
        expect(theOne(by.uid)).toMatchObject({ state: 'running', attachments: [{ networkId: anew.id, address: at }] });
      });
    });

    describe('what happens by itself or by hand is told', () => {
      it('kill', async () => {
        const { id, owner: by } = await started({ restart: 'unless-stopped' });
        await tamper.kill(id);
        await heard(by.uid, /container died \(exit 137\)/);
        expect(theOne(by.uid)).toMatchObject({ state: 'exited', exitCode: 137, restarts: 0 });
      });

      it('stop, and the start that mends it', async () => {
        const { id, owner: by } = await started();
        await tamper.stop(id);
        await heard(by.uid, /container (died|stopped)/);
        await eventually('it to be exited', () => seen(by.uid)?.state === 'exited');
        await compute.startContainer(id);
        expect(theOne(by.uid)).toMatchObject({ state: 'running', exitCode: 137 });
      });

      it('pause', async () => {
        const { id, owner: by } = await started();
        await tamper.pause(id);
        await heard(by.uid, /container was paused/);
        expect(theOne(by.uid).state).toBe('paused');
        await compute.unpauseContainer(id);
        await compute.unpauseContainer(id);
        expect(theOne(by.uid).state).toBe('running');
      });

      it('rename', async () => {
        const { id, name: before, owner: by } = await started();
        await tamper.rename(id, `${before}-by-hand`);
        await heard(by.uid, /container was renamed/);
        expect(theOne(by.uid).name).toBe(`${before}-by-hand`);
      });

      it('disconnect', async () => {
        const { id, owner: by } = await started();
        await tamper.disconnect(id, network.id);
        await heard(by.uid, /container was disconnected from network/);
        expect(theOne(by.uid).attachments).toEqual([]);
      });

      it('removal', async () => {
        const { id, owner: by } = await started();
        await tamper.remove(id);
        await heard(by.uid, /container was removed/);
        expect(compute.containers(by.uid).state).toBe('absent');
      });

      it('its own calls are not', async () => {
        const { id, owner: by } = await started();
        await compute.stopContainer(id, 0);
        await compute.removeContainer(id);
        const marker = await started();
        await tamper.kill(marker.id);
        await heard(marker.owner.uid, /died/);
        expect(changes.filter((change) => change.owner?.uid === by.uid)).toEqual([]);
      });

      it('a restart policy brings a crashed process back, and it is counted', async () => {
        const { id, owner: by } = await started({
          restart: 'unless-stopped',
          command: ['sh', '-c', 'sleep 0.3; exit 3'],
        });
        await heard(by.uid, /container died \(exit 3\)/);
        await eventually('a restart', () => (seen(by.uid)?.restarts ?? 0) > 0 && seen(by.uid)?.state === 'running');
        expect(theOne(by.uid).exitCode).toBe(3);
        await compute.stopContainer(id, 0);
        expect(theOne(by.uid).state).toBe('exited');
      });

      it('on-failure is final after exit 0, and no is final after any', async () => {
        const done = await started({ restart: 'on-failure', command: ['true'] });
        const failed = await started({ restart: 'no', command: ['false'] });
        await eventually('both to end', () => [done, failed].every((c) => seen(c.owner.uid)?.state === 'exited'));
        expect(theOne(done.owner.uid)).toMatchObject({ exitCode: 0, restarts: 0 });
        expect(theOne(failed.owner.uid)).toMatchObject({ exitCode: 1, restarts: 0 });
      });

      it('health, by the command given', async () => {
        const healthCommand = { command: ['true'], intervalMs: 100, timeoutMs: 5_000, retries: 1, startPeriodMs: 0 };
        const good = await started({ healthCommand });
        await eventually('healthy', () => seen(good.owner.uid)?.health === 'healthy');
        const bad = await started({ healthCommand: { ...healthCommand, command: ['false'] } });
        await heard(bad.owner.uid, /container became unhealthy/);
        expect(theOne(bad.owner.uid).health).toBe('unhealthy');
      });
    });

    describe('images', () => {
      it('knows what is present and what is absent', async () => {
        expect(await compute.image(subject.image)).toMatchObject({
          state: 'present',
          id: expect.stringMatching(/^sha256:/),
        });
        expect(await compute.image('contract/missing:1')).toEqual({ state: 'absent' });
      });

      it('a pull that fails is ImageUnavailable, for everyone who asked', async () => {
        const reference = 'localhost:1/contract/missing:1';
        const pulls = [1, 2].map(() => compute.pullImage(reference, owner(), 30_000));
        await Promise.all(pulls.map((pull) => expectPassError('ImageUnavailable', pull)));
        expect(await compute.image(reference)).toEqual({ state: 'absent' });
      });

      it('a pull that fails after its caller left is told, and the next call says why', async () => {
        const by = owner();
        expect(await compute.pullImage('localhost:1/contract/missing:2', by, 0)).toMatchObject({ state: 'pulling' });
        await heard(by.uid, /the pull of image .* failed/);
        await expectPassError('ImageUnavailable', compute.pullImage('localhost:1/contract/missing:2', by, 0));
      });

      it('imports, lists and removes its own', async () => {
        const reference = `contract/imported:${randomUUID().slice(0, 8)}`;
        const id = await compute.importImage(Buffer.alloc(1024), reference, ['CMD ["true"]']);
        expect(await compute.image(reference)).toEqual({ state: 'present', id });
        expect(await compute.ownImages()).toContainEqual({ id, references: [reference] });
        await compute.removeImage(id);
        await compute.removeImage(id);
        expect(await compute.image(reference)).toEqual({ state: 'absent' });
        const { id: foreign } = (await compute.image(subject.image)) as { id: string };
        await expectPassError('NameTaken', compute.removeImage(foreign));
      });
    });

    describe('volumes', () => {
      it('I3, I5: are found or made, removed once, and never taken over', async () => {
        const by = owner();
        const volume = { name: engineName(by), owner: by };
        await compute.ensureVolume(volume);
        await compute.ensureVolume(volume);
        expect(await compute.volumes()).toContainEqual(volume);
        await compute.removeVolume(volume.name);
        await compute.removeVolume(volume.name);
        expect(await compute.volumes()).not.toContainEqual(volume);
        await tamper.foreignVolume(volume.name);
        await expectPassError('NameTaken', compute.ensureVolume(volume));
        await expectPassError('NameTaken', compute.removeVolume(volume.name));
      });
    });

    describe('output and commands', () => {
      const forever = new AbortController().signal;

      it('gives the log whole, in part, and by stream', async () => {
        const { id, owner: by } = await started({ command: ['sh', '-c', 'echo one; echo two; echo three >&2'] });
        await eventually('the end', () => seen(by.uid)?.state === 'exited');
        const log = (tail?: number) =>
          collect(compute.logs(id, { follow: false, timestamps: false, ...(tail && { tail }) }, forever));
        const all = await log();
        expect(textOf(all, 'stdout')).toBe('one\ntwo\n');
        expect(textOf(all, 'stderr')).toBe('three\n');
        expect((await log(1)).map((chunk) => chunk.data.toString()).join('')).toMatch(/^(two|three)\n$/);
      });

      it('follows until the container ends', async () => {
        const { id } = await started({ command: ['sh', '-c', 'echo one; sleep 0.3; echo two'] });
        const chunks = await collect(compute.logs(id, { follow: true, timestamps: true }, forever));
        expect(textOf(chunks, 'stdout')).toMatch(/^\d{4}-.*Z one\n\d{4}-.*Z two\n$/);
      });

      it('stops following when it is told to', async () => {
        const { id } = await started({ command: ['sh', '-c', 'echo one; sleep 1000'] });
        const stop = new AbortController();
        let text = '';
        for await (const chunk of compute.logs(id, { follow: true, timestamps: false }, stop.signal)) {
          text += chunk.data.toString();
          stop.abort();
        }
        expect(text).toBe('one\n');
      });

      it('runs a command and gives its output and exit status', async () => {
        const { id } = await started();
        const session = await compute.exec(id, { command: ['sh', '-c', 'echo hi; exit 4'], tty: false, stdin: false });
        expect(textOf(await collect(session.output), 'stdout')).toBe('hi\n');
        expect(await session.exitCode()).toBe(4);
      });

      it('gives a command its input, and the input its end', async () => {
        const { id } = await started();
        const session = await compute.exec(id, { command: ['cat'], tty: false, stdin: true });
        session.write(Buffer.from('to and fro'));
        session.closeInput();
        expect(textOf(await collect(session.output), 'stdout')).toBe('to and fro');
        expect(await session.exitCode()).toBe(0);
      });

      it('gives a command a terminal of the size that is asked for', async () => {
        const { id } = await started();
        const session = await compute.exec(id, {
          command: ['sh', '-c', 'sleep 0.2; echo hi >&2'],
          tty: true,
          stdin: true,
        });
        await session.resize(132, 50);
        expect(textOf(await collect(session.output), 'stdout')).toMatch(/^hi\r?\n$/);
        expect(await session.exitCode()).toBe(0);
      });

      it('lets go of a command that goes on', async () => {
        const { id } = await started();
        const session = await compute.exec(id, { command: ['cat'], tty: false, stdin: true });
        const output = collect(session.output).catch(() => []);
        session.close();
        expect(await output).toEqual([]);
      });

      it('refuses a command in a container that is not running', async () => {
        const made = await compute.createContainer(containerSpec());
        await expectPassError('EngineError', compute.exec(made.id, { command: ['true'], tty: false, stdin: false }));
      });
    });

    describe('probes', () => {
      it('tells a port that answers from one that does not', async () => {
        const { id } = await started({ command: ['/bin/serve'] });
        const probe = (port: number, http?: { path: string; expectedStatus: number }) =>
          compute.probe({ containerId: id, port, ...(http && { http }) }, 2_000);
        await eventually('the server', async () => {
          const result = await probe(80);
          return result.state === 'present' && result.value.healthy;
        });
        expect(await probe(80, { path: '/', expectedStatus: 200 })).toMatchObject({ value: { healthy: true } });
        expect(await probe(80, { path: '/missing', expectedStatus: 200 })).toEqual({
          state: 'present',
          value: { healthy: false, detail: 'answered 404, expected 200' },
        });
        expect(await probe(81)).toEqual({ state: 'present', value: { healthy: false, detail: 'connection refused' } });
        await compute.stopContainer(id, 0);
        expect(await probe(80)).toMatchObject({ value: { healthy: false } });
        await compute.removeContainer(id);
        expect(await probe(80)).toEqual({ state: 'absent' });
      });
    });

    it('I2: observing calls nothing', async () => {
      const { owner: by } = await started();
      const before = new Map(compute.calls());
      for (let i = 0; i < 100; i++) {
        compute.containers(by.uid);
        compute.networks(network.owner.uid);
        compute.everything();
        compute.foreignRanges();
      }
      const mutating = /^(create|start|stop|remove|update|rename|connect|disconnect|unpause|import|pull)/;
      const counted = (calls: ReadonlyMap<string, number>) => [...calls].filter(([call]) => mutating.test(call));
      expect(counted(compute.calls())).toEqual(counted(before));
      expect(compute.calls().get('createContainer')).toBeGreaterThan(0);
    });
  });
}

async function expectPassError(reason: PassReason, promise: Promise<unknown>): Promise<PassError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PassError);
  expect({ reason: (error as PassError).reason, message: (error as PassError).message }).toMatchObject({ reason });
  return error as PassError;
}

async function collect(chunks: AsyncIterable<OutputChunk>): Promise<OutputChunk[]> {
  const all: OutputChunk[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

const textOf = (chunks: readonly OutputChunk[], stream: OutputChunk['stream']): string =>
  Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.data)).toString();
