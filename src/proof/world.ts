import { digestBy, macWith } from '../base/hash.ts';
import { kindsOf, MODULES } from '../kinds/index.ts';
import { objectKeys } from '../kinds/bucket/public.ts';
import type { Contradiction, KindModule, KindRuntime } from '../kinds/shared/kind-module.ts';
import { isReady, keyOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { InventoryRow } from '../store/inventory.ts';
import { PassError } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { valueOf } from '../base/observed.ts';
import { assemble, contradictionOf, loadRuntimes } from '../operator/assembly.ts';
import type { Assembly, Runtimes } from '../operator/assembly.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { Compute, Owned } from '../drivers/compute.ts';
import { guarded, MUTATING } from '../drivers/guarded.ts';
import { MUTATING_PROXY } from '../drivers/proxies.ts';
import type { Proxies } from '../drivers/proxies.ts';
import type { Git } from '../drivers/git/git.ts';
import { createSimulatedGit, SimulatedRepositories } from '../drivers/git/simulated-git.ts';
import { MUTATING_BYTES } from '../drivers/objects/bytes.ts';
import type { ObjectBytes } from '../drivers/objects/bytes.ts';
import { MemoryBytes } from '../drivers/objects/memory.ts';
import { createProxyImages } from '../drivers/proxy-image.ts';
import { createSimulatedProxies } from '../drivers/simulated/proxies.ts';
import { createSimulatedCompute } from '../drivers/simulated/simulated-compute.ts';
import { SimulatedEngine } from '../drivers/simulated/simulated-engine.ts';
import { SimulatedMeter } from '../drivers/simulated/simulated-meter.ts';
import type { Informer } from '../engine/informer.ts';
import type { Manager } from '../engine/manager.ts';
import { MUTATING_ROWS, OBJECT_ROWS } from '../s3/object-rows.ts';
import { Objects } from '../s3/objects.ts';
import type { ObjectRows } from '../s3/rows.ts';
import type { SideStore } from '../store/beside.ts';
import { MemoryDatabase, openMemoryStore } from '../store/memory-store.ts';
import type { CommitRequest, LeaseStore, Store } from '../store/store.ts';
import { breathe, ManualClock } from './manual-clock.ts';
import { Person, settingsOf } from './person.ts';
import { randomFrom } from './random.ts';

export const INSTALLATION = 'world';
/** The same in every world: pictures of two are compared. */
export const MAC = macWith(Buffer.from(INSTALLATION));
export const DIGEST = digestBy(MAC);

const LEASE = 'leader';
const FOR_EVER_MS = 1e12;
/** Every image can be pulled here. */
const NO_BUILD = () => Promise.reject(new Error('nothing is built for the simulated Engine'));

/** Puts a fault between a daemon and what it works on. */
export interface Wrap {
  compute?: (compute: Compute) => Compute;
  proxies?: (proxies: Proxies) => Proxies;
  bytes?: (bytes: ObjectBytes) => ObjectBytes;
  rows?: (rows: ObjectRows) => ObjectRows;
  store?: (store: Store) => Store;
}

interface WorldOptions {
  clock?: ManualClock;
  /** The kinds there are; those of the program when left out. */
  modules?: readonly KindModule[];
  /** Instances are sampled so often; not at all when left out. */
  metricsIntervalMs?: number;
  /** What syncs read; `repositories` when left out. */
  git?: Git;
  /** Another store over the same database each time; of a database in memory when left out. */
  open?: () => Promise<Store>;
}

/** What outlives a daemon: the database and the Engine, on one clock. */
export class World {
  readonly clock: ManualClock;
  readonly engine: SimulatedEngine;
  /** What containers use, and how often daemons look. */
  readonly meter: SimulatedMeter;
  readonly metricsIntervalMs: number | undefined;
  readonly modules: readonly KindModule[];
  readonly kinds: KindRegistry;
  /** What people push to. */
  readonly repositories: SimulatedRepositories;
  readonly git: Git;
  /** Where the bytes of objects are. */
  readonly bytes: MemoryBytes;
  /** Who said Ready and was not, as far as the daemon that wrote it could see at that moment (oracle 5). */
  readonly falseReady: string[] = [];
  /** Statuses whose observedGeneration fell, or was ahead of the generation (oracle 5). */
  readonly statusRegressions: string[] = [];
  readonly #observed = new Map<string, number>();
  /** Commits that wrote anything. */
  commits = 0;
  /** Of the daemon that leads. */
  epoch = 0;
  readonly #open: () => Promise<Store>;
  readonly #computes: Compute[] = [];
  /** Changing calls beside those of the Engine. */
  #otherCalls = 0;
  readonly #random = randomFrom(1);
  #latest: Store | undefined;

  constructor(options: WorldOptions = {}) {
    this.clock = options.clock ?? new ManualClock();
    this.engine = new SimulatedEngine({ clock: this.clock });
    this.repositories = new SimulatedRepositories(this.clock);
    this.git = options.git ?? createSimulatedGit(this.repositories);
    this.bytes = new MemoryBytes(this.clock);
    this.meter = new SimulatedMeter(this.engine);
    this.metricsIntervalMs = options.metricsIntervalMs;
    const database = new MemoryDatabase(this.clock);
    this.modules = options.modules ?? MODULES;
    this.kinds = kindsOf(this.modules);
    this.#open = options.open ?? (() => openMemoryStore(database, this.kinds));
  }

  /** A daemon that leads from now on: whoever led before finds its lease lost. */
  async start(wrap: Wrap = {}): Promise<WorldDaemon> {
    const raw = await this.#open();
    this.#latest = raw;
    const simulated = createSimulatedCompute({ engine: this.engine, installation: INSTALLATION });
    this.#computes.push(simulated);
    // What is stored is written through the driver, which counts it.
    const others = new Set([...MUTATING_PROXY].filter((name) => name !== 'store'));
    const proxies = this.#counted(createSimulatedProxies({ engine: this.engine, compute: simulated }), others);
    const bytes = this.#counted(this.bytes, MUTATING_BYTES);
    const rows = this.#counted(raw.beside(OBJECT_ROWS), MUTATING_ROWS);
    const runtimes = await loadRuntimes(this.modules);
    const witnessed = this.#witnessed(raw, simulated, contradictionOf(runtimes));
    const store = withRows(witnessed, wrap.rows ? wrap.rows(rows) : rows);
    const daemon = new WorldDaemon(this, {
      store: wrap.store ? wrap.store(store) : store,
      compute: wrap.compute ? wrap.compute(simulated) : simulated,
      proxies: wrap.proxies ? wrap.proxies(proxies) : proxies,
      bytes: wrap.bytes ? wrap.bytes(bytes) : bytes,
      objects: this.#objectsOf(raw),
      random: this.#random,
      runtimes,
    });
    await daemon.open();
    return daemon;
  }

  /** Someone at another daemon's API: nothing here acts on what they write. */
  async person(): Promise<Person> {
    const store = await this.#open();
    return new Person(store, this.clock, this.kinds, this.repositories, this.#objectsOf(store));
  }

  /** The next epoch's lease, whoever has it now. */
  async seize(leases: LeaseStore): Promise<number> {
    await leases.release(LEASE, `daemon-${this.epoch}`);
    const lease = await leases.acquire(LEASE, `daemon-${this.epoch + 1}`, FOR_EVER_MS);
    if (!lease.held) throw new Error(`${lease.holder} has the lease`);
    this.epoch = lease.epoch;
    return lease.epoch;
  }

  /** Calls that changed the world, by all the daemons there have been. */
  mutations(): number {
    return this.#computes
      .flatMap((c) => [...c.calls()])
      .reduce((sum, [name, n]) => sum + (MUTATING.has(name) ? n : 0), this.#otherCalls);
  }

  /** Objects as everybody but the daemon comes to them: nothing is disturbed. */
  get objects(): Objects {
    if (!this.#latest) throw new Error('no daemon has been started');
    return this.#objectsOf(this.#latest);
  }

  #objectsOf(store: Store): Objects {
    const keys = objectKeys(store.cached(), MAC);
    return new Objects({ rows: store.beside(OBJECT_ROWS), bytes: this.bytes, clock: this.clock, keys });
  }

  #counted<Driver extends object>(driver: Driver, mutating: ReadonlySet<string>): Driver {
    return guarded(driver, mutating, () => this.#otherCalls++);
  }

  /** What is stored: every live document. */
  get documents(): readonly Resource[] {
    return [...(this.#latest?.cached().all() ?? [])];
  }

  async inventory(): Promise<readonly InventoryRow[]> {
    return (await this.#latest?.inventory()) ?? [];
  }

  #witnessGeneration({ kind, metadata, status }: Resource): void {
    const observed = status?.observedGeneration ?? 0;
    const before = this.#observed.get(metadata.uid) ?? 0;
    this.#observed.set(metadata.uid, observed);
    const name = `${kind} ${metadata.name} at revision ${metadata.resourceVersion}`;
    if (observed < before)
      this.statusRegressions.push(`${name}: observedGeneration fell from ${before} to ${observed}`);
    if (observed > metadata.generation)
      this.statusRegressions.push(`${name}: observedGeneration is ahead of the generation`);
  }

  /** Whoever says Ready must be so at that moment, as far as the daemon itself can see. */
  #witnessed(store: Store, compute: Compute, contradiction: Contradiction): Store {
    const commit = async (request: CommitRequest) => {
      let writes = false;
      const decide: CommitRequest['decide'] = (view) => {
        const effects = request.decide(view);
        writes = !request.dryRun && Object.values(effects).some((list: readonly unknown[]) => list.length > 0);
        return effects;
      };
      const committed = await store.commit({ ...request, decide });
      if (writes) this.commits++;
      for (const r of committed.resources) this.#witnessGeneration(r);
      for (const r of request.fence === undefined ? [] : committed.resources.filter(isReady)) {
        const lie = contradiction(r, compute);
        if (lie) this.falseReady.push(`${keyOf(refOf(r))} said Ready, and ${lie}`);
      }
      return committed;
    };
    return new Proxy(store, {
      get(target, property) {
        if (property === 'commit') return commit;
        const member: unknown = Reflect.get(target, property);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  }
}

/** The store, with these rows of objects beside the documents. */
function withRows(store: Store, rows: ObjectRows): Store {
  const beside = <T>(side: SideStore<T>): T =>
    (side as unknown) === OBJECT_ROWS ? (rows as unknown as T) : store.beside(side);
  return new Proxy(store, {
    get(target, property) {
      if (property === 'beside') return beside;
      const member: unknown = Reflect.get(target, property);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

interface WorldDaemonParts {
  store: Store;
  compute: Compute;
  proxies: Proxies;
  bytes: ObjectBytes;
  objects: Objects;
  random: () => number;
  runtimes: Runtimes;
}

export class WorldDaemon extends Person {
  readonly compute: Compute;
  readonly manager: Manager;
  readonly informer: Informer;
  /** By the kind's name. */
  readonly runtimes: ReadonlyMap<string, KindRuntime>;
  readonly contradiction: Contradiction;
  readonly #world: World;
  readonly #parts: Assembly;
  readonly #end = new AbortController();
  #epoch = 0;
  #leading: Promise<void> = Promise.resolve();

  constructor(world: World, { store, compute, proxies, bytes, objects, random, runtimes }: WorldDaemonParts) {
    super(store, world.clock, world.kinds, world.repositories, objects);
    this.#world = world;
    this.compute = compute;
    const parts = assemble(
      {
        store,
        kinds: world.kinds,
        compute,
        proxies,
        images: createProxyImages({ compute, build: NO_BUILD }),
        git: world.git,
        bytes,
        clock: world.clock,
        log: silentLog,
        settings: settingsOf(world.kinds),
        installation: INSTALLATION,
        digest: DIGEST,
        mac: MAC,
        runtimes,
        check: () => this.#check(),
        believable: () => true,
        metering: world.metricsIntervalMs ? { meter: world.meter, intervalMs: world.metricsIntervalMs } : undefined,
      },
      { random },
    );
    this.informer = parts.informer;
    this.manager = parts.manager;
    this.runtimes = parts.runtimes;
    this.contradiction = parts.contradiction;
    this.#parts = parts;
  }

  async open(): Promise<void> {
    await this.compute.open();
    await this.informer.open();
    this.#epoch = await this.#world.seize(this.store.leases);
    this.#leading = this.#parts.lead({ epoch: this.#epoch, signal: this.#end.signal });
    await breathe();
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Aborted at the end of its term. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Ends in order. */
  async stop(): Promise<void> {
    this.#end.abort();
    this.#parts.stop();
    await breathe();
    await this.#leading;
    await this.informer.close();
    await this.compute.close();
    await this.store.close();
  }

  /** As after kill -9: whatever it waits for is never waited for again, and it hears nothing more. */
  die(): void {
    this.#end.abort();
    // Whatever its term comes to now reaches nobody.
    this.#leading.catch(() => undefined);
    this.#parts.stop();
    void this.informer.close();
    void this.compute.close();
    void this.store.close();
  }

  /** Lets everything that is due now happen, and goes on in time until nothing moves for `quietMs`. */
  async settle(quietMs = 1_000, limitMs = 300_000): Promise<void> {
    const { clock } = this.#world;
    const start = clock.monotonic();
    let moved = start;
    await this.#rest();
    while (clock.monotonic() - moved < quietMs) {
      const before = this.fingerprint();
      const rest = quietMs - (clock.monotonic() - moved);
      await clock.advance(Math.min(clock.nextIn ?? rest, rest));
      await this.#rest();
      if (this.fingerprint() !== before) moved = clock.monotonic();
      if (clock.monotonic() - start > limitMs)
        throw new Error(`the world did not settle within ${limitMs} ms of its time`);
    }
  }

  /** Lets passes that wait for no timer come to their end before time goes on. */
  async #rest(): Promise<void> {
    for (let i = 0; i < 50 && !this.manager.idle(); i++) await breathe();
  }

  /** Changes whenever a daemon has written or called anything that changes something. */
  fingerprint(): string {
    return `${this.#world.commits} ${this.#world.mutations()}`;
  }

  get(kind: string, name: string, namespace = 'default'): Resource | undefined {
    return this.store.cached().get({ kind, namespace, name });
  }

  /** Requests a second that an instance gets, as far as this daemon knows. */
  requestRate(uid: string): number | undefined {
    return this.#parts.metrics.get('requestsPerTarget')?.measure(uid)?.value;
  }

  owned(): readonly Owned[] {
    return valueOf(this.compute.everything()) ?? [];
  }

  /** As the lease's monotonic deadline is checked: over as soon as another daemon has taken it (I9). */
  #check(): void {
    this.#end.signal.throwIfAborted();
    if (this.#world.epoch !== this.#epoch)
      throw new PassError('LeaseLost', 'this daemon no longer leads: another has taken its lease');
  }
}
