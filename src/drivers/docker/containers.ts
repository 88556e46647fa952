import type Docker from 'dockerode';
import type { Clock } from '../../base/clock.ts';
import { PassError } from '../../base/errors.ts';
import type { Attachment, Container, ContainerSpec, ContainerUpdate, StopState } from '../compute.ts';
import { ownerOf } from '../labels.ts';
import { LongCalls, stopOf } from '../long-calls.ts';
import type { Hold } from '../observation-cache.ts';
import { nameTaken } from '../refusals.ts';
import { translated, type EngineCalls } from './calls.ts';
import { createOptions, endpoint, graceSeconds } from './container-options.ts';
import { statusOf, wordsOf } from './errors.ts';
import { updateOptions } from './host-config.ts';
import { unlessGone, type World } from './world.ts';

/** Milliseconds beyond its grace that a stop may take: the SIGKILL, and the network's end. */
const STOP_MARGIN_MS = 30_000;
/** Milliseconds between two questions about a removal that is under way: it takes 50, on a busy machine a second. */
const REMOVAL_PAUSE_MS = 100;
const REMOVAL_LOOKS = 100;

/** Containers of ours. Each change is followed by a look, so that the next observation shows it. */
export class DockerContainers {
  readonly #docker: Docker;
  readonly #calls: EngineCalls;
  readonly #world: World;
  readonly #stops: LongCalls;
  readonly #knock: () => Promise<void>;

  constructor(
    docker: Docker,
    calls: EngineCalls,
    world: World,
    { clock, knock }: { clock: Clock; knock: () => Promise<void> },
  ) {
    this.#docker = docker;
    this.#calls = calls;
    this.#world = world;
    this.#stops = new LongCalls(clock, (change) => world.cache.notify(change));
    this.#knock = knock;
  }

  create(spec: ContainerSpec): Promise<Container> {
    return this.#quietly(spec.name, `create container ${spec.name}`, async (hold) => {
      const id = (await this.#make(spec)) ?? (await this.#findHolder(spec)) ?? (await this.#make(spec));
      hold.looking();
      const look = id === undefined ? undefined : await this.#world.lookAtContainer(id, spec.owner);
      if (look?.value) return look.value;
      throw new PassError('EngineError', `container ${spec.name} was removed while it was being created`);
    });
  }

  /**
   * An Engine that was killed in the middle of a start never starts that container again. It is removed, so that the
   * next pass makes it anew.
   */
  start(id: string): Promise<void> {
    return this.#change(id, 'start', async () => {
      // One that has just ended may have been ended by an Engine that shuts down: not to be started under its hands.
      if (this.#world.cache.containers.get(id)?.state === 'exited') await this.#calls.raw('ping', () => this.#knock());
      try {
        await this.#calls.change('startContainer', () => this.#docker.getContainer(id).start());
      } catch (error) {
        if (!/task \w+: already exists/.test(wordsOf(error))) throw error;
        await this.remove(id);
        throw new PassError('EngineError', 'the Engine died while starting it: removed, to be made anew', error);
      }
    });
  }

  async stop(id: string, graceMs: number, waitMs: number): Promise<StopState> {
    const container = await translated(`stop container ${this.#nameOf(id)}`, () => this.#world.ourContainer(id));
    if (!container) return 'stopped';
    const end = this.#stops.join(stopOf(id, graceMs), container.owner, waitMs, () => this.#stopNow(id, graceMs));
    return (await end) ? 'stopped' : 'stopping';
  }

  /** Waits outside the limit of changes: it is the process that takes the time, not the Engine. */
  #stopNow(id: string, graceMs: number): Promise<void> {
    const stop = () => this.#docker.getContainer(id).stop({ t: graceSeconds(graceMs) });
    return this.#change(id, 'stop', () => unlessGone(this.#calls.raw('stopContainer', stop, graceMs + STOP_MARGIN_MS)));
  }

  unpause(id: string): Promise<void> {
    return this.#change(id, 'unpause', async () => {
      try {
        await this.#calls.change('unpauseContainer', () => this.#docker.getContainer(id).unpause());
      } catch (error) {
        if (!/is not paused/.test(wordsOf(error))) throw error;
      }
    });
  }

  rename(id: string, name: string): Promise<void> {
    return this.#change(id, 'rename', () =>
      this.#calls.change('renameContainer', () => this.#docker.getContainer(id).rename({ name })),
    );
  }

  /**
   * A limit that this host's kernel does not have is left out by the Engine with a warning: the next pass would ask for
   * it again. Swap that only follows the memory may be left out.
   */
  update(id: string, change: ContainerUpdate): Promise<void> {
    return this.#change(id, 'update', async () => {
      const update = () => this.#docker.getContainer(id).update(updateOptions(change));
      const { Warnings } = (await this.#calls.change('updateContainer', update)) as { Warnings?: string[] | null };
      const left = (Warnings ?? []).filter((words) => change.memorySwapBytes !== undefined || !/swap/i.test(words));
      if (left.length > 0) throw new PassError('Refused', left.join(' '));
    });
  }

  connect(id: string, attachment: Attachment): Promise<void> {
    const network = this.#docker.getNetwork(attachment.networkId);
    return this.#change(id, 'connect', async () => {
      try {
        const options = { Container: id, EndpointConfig: endpoint(attachment) };
        await this.#calls.change('connectContainer', () => network.connect(options));
      } catch (error) {
        if (!(await this.#isAttached(id, attachment))) throw error;
      }
    });
  }

  /** By the network's name where it is known: of a network that is gone, the Engine knows no id. */
  disconnect(id: string, networkId: string): Promise<void> {
    return this.#change(id, 'disconnect', async () => {
      const exists = (await this.#world.lookAtNetwork(networkId)).value !== undefined;
      const name = exists ? networkId : (this.#world.details(id)?.networkNames[networkId] ?? networkId);
      const options = { Container: id, Force: true };
      try {
        await this.#calls.change('disconnectContainer', () => this.#docker.getNetwork(name).disconnect(options));
      } catch (error) {
        if (statusOf(error) !== 404 && !/is not connected to/.test(wordsOf(error))) throw error;
      }
    });
  }

  remove(id: string): Promise<void> {
    return this.#quietly(id, `remove container ${this.#nameOf(id)}`, async (hold) => {
      if (!(await this.#world.ourContainer(id))) return;
      try {
        await this.#removeNow(id);
        this.#world.dropContainer(id);
      } catch (error) {
        hold.looking();
        const { value } = await this.#world.lookAtContainer(id);
        if (value !== undefined) throw error;
      }
    });
  }

  /** A removal by somebody else is asked about until it has come to its end: it may still fail. */
  async #removeNow(id: string): Promise<void> {
    const remove = () => this.#docker.getContainer(id).remove({ force: true, v: true });
    for (let asked = 1; ; asked += 1) {
      try {
        return void (await unlessGone(this.#calls.change('removeContainer', remove)));
      } catch (error) {
        const underWay = statusOf(error) === 409 && /already in progress/.test(wordsOf(error));
        if (!underWay || asked === REMOVAL_LOOKS) throw error;
        await this.#calls.pause(REMOVAL_PAUSE_MS);
      }
    }
  }

  /** The new container's id; `undefined` when its name is held. */
  async #make(spec: ContainerSpec): Promise<string | undefined> {
    try {
      const options = createOptions(this.#world.installation, spec);
      return (await this.#calls.change('createContainer', () => this.#docker.createContainer(options))).id;
    } catch (error) {
      if (statusOf(error) === 409 && /already in use/.test(wordsOf(error))) return undefined;
      throw error;
    }
  }

  /** Who holds the name: ours by its uid, whatever its hash; `undefined` when it is gone meanwhile. */
  async #findHolder(spec: ContainerSpec): Promise<string | undefined> {
    const holder = await unlessGone(
      this.#calls.raw('inspectContainer', () => this.#docker.getContainer(spec.name).inspect()),
    );
    if (!holder) return undefined;
    const owner = ownerOf(this.#world.installation, holder.Config.Labels);
    if (owner?.uid === spec.owner.uid) return holder.Id;
    this.#world.cache.waitFor(holder.Id, spec.owner);
    throw new PassError('NameTaken', nameTaken('container', spec.name, holder.Id, owner));
  }

  /** Only what is ours; "not modified" is success; what it came to is in the cache before this resolves or rejects. */
  #change(id: string, verb: string, act: () => Promise<unknown>): Promise<void> {
    return this.#quietly(id, `${verb} container ${this.#nameOf(id)}`, async (hold) => {
      await this.#world.ourContainer(id);
      try {
        await act();
      } catch (error) {
        hold.looking();
        if (statusOf(error) === 304) return void (await this.#world.lookAtContainer(id));
        await this.#world.lookAtContainer(id).catch(() => undefined);
        await this.#world.lookAfterRefusal(wordsOf(error));
        throw error;
      }
      hold.looking();
      await this.#world.lookAtContainer(id);
    });
  }

  /** The caller looks again by itself: subscribers are not told of what is its own doing. */
  async #quietly<T>(key: string, doing: string, work: (hold: Hold) => Promise<T>): Promise<T> {
    const hold = this.#world.cache.hold(key);
    try {
      return await translated(doing, () => work(hold));
    } finally {
      hold.release();
    }
  }

  async #isAttached(id: string, { networkId, address }: Attachment): Promise<boolean> {
    const { value } = await this.#world.lookAtContainer(id);
    return value?.attachments.some((a) => a.networkId === networkId && a.address === address) ?? false;
  }

  #nameOf(id: string): string {
    return this.#world.cache.containers.get(id)?.name ?? id.slice(0, 12);
  }
}
