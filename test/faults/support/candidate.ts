import { DIGEST, MAC } from '../../../src/proof/world.ts';
import { KINDS, MODULES } from '../../../src/kinds/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import type { Clock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { assemble, loadRuntimes } from '../../../src/operator/assembly.ts';
import type { Assembly } from '../../../src/operator/assembly.ts';
import type { Compute } from '../../../src/drivers/compute.ts';
import { MUTATING } from '../../../src/drivers/guarded.ts';
import { MemoryBytes } from '../../../src/drivers/objects/memory.ts';
import { createSimulatedGit, SimulatedRepositories } from '../../../src/drivers/git/simulated-git.ts';
import { createProxyImages } from '../../../src/drivers/proxy-image.ts';
import { createSimulatedProxies } from '../../../src/drivers/simulated/proxies.ts';
import { createSimulatedCompute } from '../../../src/drivers/simulated/simulated-compute.ts';
import type { SimulatedEngine } from '../../../src/drivers/simulated/simulated-engine.ts';
import { Leadership } from '../../../src/engine/leader.ts';
import { settings } from '../../../src/proof/person.ts';
import { openPostgresStore } from '../../../src/store/postgres-store.ts';
import { FencedError } from '../../../src/store/store.ts';
import type { CommitRequest, LeaseStore, Store } from '../../../src/store/store.ts';

const INSTALLATION = 'hand-overs';
/** Leases last a fifth of their time, so that fifty hand-overs take no minute. */
const HASTE = 5;

const hasty: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * HASTE,
  after: (ms, fn) => systemClock.after(ms / HASTE, fn),
};

/** What candidates did, seen by someone who knows them all. */
export interface Witness {
  /** Of every write of a pass that was acknowledged. */
  fenced: { revision: number; epoch: number }[];
  /** Writes of passes that were refused because another led. */
  refused: number;
  /** Calls that changed the Engine, and of them those that began while their daemon did not lead or another did. */
  calls: number;
  astray: string[];
}

/** What is between a daemon and everything it works on: it can stand still there, and it can end there. */
class Gate {
  isClosed = false;
  #open: Promise<void> = Promise.resolve();
  #release: () => void = () => undefined;

  pass(): Promise<void> {
    return this.#open;
  }

  close(): void {
    this.isClosed = true;
    this.#open = new Promise((resolve) => (this.#release = resolve));
  }

  open(): void {
    this.isClosed = false;
    this.#release();
    this.#open = Promise.resolve();
  }
}

/** A daemon without its process and its API: the same store, leadership and engine, over an Engine that several share. */
export class Candidate {
  readonly name: string;
  readonly store: Store;
  readonly leader: Leadership;
  readonly compute: Compute;
  readonly parts: Assembly;
  readonly #gate: Gate;

  private constructor(name: string, store: Store, compute: Compute, leader: Leadership, parts: Assembly, gate: Gate) {
    this.name = name;
    this.store = store;
    this.compute = compute;
    this.leader = leader;
    this.parts = parts;
    this.#gate = gate;
  }

  static async start(
    name: string,
    url: string,
    engine: SimulatedEngine,
    witness: Witness,
    peers: () => readonly Candidate[],
  ): Promise<Candidate> {
    const gate = new Gate();
    const store = await openPostgresStore({ url, kinds: KINDS, clock: systemClock, log: silentLog });
    const compute = createSimulatedCompute({ engine, installation: INSTALLATION });
    await compute.open();
    const leader = new Leadership(hastyLeases(store.leases, gate), name, hasty, silentLog);
    const check = () => leader.check();
    const parts = assemble(
      {
        store: witnessed(store, gate, witness),
        kinds: KINDS,
        compute: gated(compute, gate, check, () => {
          witness.calls++;
          const leading = peers().filter((peer) => peer.leader.isLeading());
          if (leading.length !== 1 || leading[0]?.name !== name)
            witness.astray.push(`${name} called, and ${leading.map((peer) => peer.name).join(' and ')} led`);
        }),
        proxies: createSimulatedProxies({ engine, compute }),
        images: createProxyImages({ compute, build: () => Promise.reject(new Error('nothing is built here')) }),
        git: createSimulatedGit(new SimulatedRepositories(systemClock)),
        bytes: new MemoryBytes(systemClock),
        clock: systemClock,
        log: silentLog,
        settings,
        installation: INSTALLATION,
        digest: DIGEST,
        mac: MAC,
        runtimes: await loadRuntimes(MODULES),
        believable: () => true,
        metering: undefined,
        check,
      },
      { resyncMs: 500 },
    );
    await parts.informer.open();
    const candidate = new Candidate(name, store, compute, leader, parts, gate);
    leader.start(() => true, parts.lead);
    return candidate;
  }

  /** In order, as by SIGTERM. */
  async stop(): Promise<void> {
    await this.leader.stop();
    await this.#close();
  }

  /** As by SIGKILL: nothing that it has not yet begun happens. */
  kill(): void {
    this.#gate.close();
  }

  /** As by SIGSTOP: what it has in its hands happens when it goes on. */
  pause(): void {
    this.#gate.close();
  }

  goOn(): void {
    this.#gate.open();
  }

  /** What is left of one that was killed. */
  async bury(): Promise<void> {
    void this.leader.stop();
    await this.#close();
  }

  async #close(): Promise<void> {
    this.parts.stop();
    await this.parts.informer.close();
    await this.compute.close();
    await this.store.close();
  }
}

function hastyLeases(leases: LeaseStore, gate: Gate): LeaseStore {
  return {
    async acquire(name, holder, ttlMs) {
      await gate.pass();
      return leases.acquire(name, holder, ttlMs / HASTE);
    },
    async release(name, holder) {
      await gate.pass();
      await leases.release(name, holder);
    },
    onRelease: (listener) => leases.onRelease(listener),
  };
}

/** One that stands still does so before the check of its lease, which it then finds lost. */
function gated(compute: Compute, gate: Gate, check: () => void, note: () => void): Compute {
  return new Proxy(compute, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      const bound = member.bind(target) as (...args: unknown[]) => unknown;
      if (!MUTATING.has(String(property))) return bound;
      return async (...args: unknown[]) => {
        if (gate.isClosed) {
          await gate.pass();
          check();
        }
        note();
        return bound(...args);
      };
    },
  });
}

function witnessed(store: Store, gate: Gate, witness: Witness): Store {
  const commit = async (request: CommitRequest) => {
    await gate.pass();
    try {
      const committed = await store.commit(request);
      if (request.fence !== undefined) witness.fenced.push({ revision: committed.revision, epoch: request.fence });
      return committed;
    } catch (error) {
      if (error instanceof FencedError) witness.refused++;
      throw error;
    }
  };
  return new Proxy(store, {
    get(target, property) {
      if (property === 'commit') return commit;
      const member: unknown = Reflect.get(target, property);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
