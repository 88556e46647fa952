import { mustKind, KINDS } from '../../src/api/registry.ts';
import { refOf } from '../../src/api/metadata.ts';
import type { Ref, Resource } from '../../src/api/metadata.ts';
import type { AdmissionSettings } from '../../src/api/schema.ts';
import type { RawDocument } from '../../src/admission/admit.ts';
import { applyDocument, remove } from '../../src/admission/operations.ts';
import type { DeleteOptions } from '../../src/admission/operations.ts';
import type { Clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { valueOf } from '../../src/base/observed.ts';
import { HealthMonitor } from '../../src/controllers/health.ts';
import { instanceController } from '../../src/controllers/instance.ts';
import { vpcController } from '../../src/controllers/vpc.ts';
import type { Compute } from '../../src/drivers/compute.ts';
import { guarded, MUTATING } from '../../src/drivers/guarded.ts';
import { createSimulatedCompute } from '../../src/drivers/simulated/simulated-compute.ts';
import { SimulatedEngine } from '../../src/drivers/simulated/simulated-engine.ts';
import { Informer } from '../../src/engine/informer.ts';
import { Manager } from '../../src/engine/manager.ts';
import type { AnyController } from '../../src/engine/pass.ts';
import { MemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { breathe, ManualClock } from './manual-clock.ts';

export const INSTALLATION = 'world';

export const settings: AdmissionSettings = {
  vpcPool: '10.64.0.0/12',
  vpcPrefix: 20,
  allowedHostPaths: [],
  foreignRanges: () => [],
};

const defaultVpc = {
  apiVersion: 'miniaws.dev/v1',
  kind: 'VPC',
  metadata: { name: 'default' },
  spec: { internetGateway: true },
};

/** What outlives a daemon: the database and the Engine, on one clock. */
export class World {
  readonly clock: ManualClock;
  readonly database: MemoryDatabase;
  readonly engine: SimulatedEngine;

  constructor(clock = new ManualClock()) {
    this.clock = clock;
    this.database = new MemoryDatabase(clock);
    this.engine = new SimulatedEngine({ clock });
  }

  /** A daemon that leads, as far as a run in memory needs one. `wrap` puts a fault between it and the Engine or the store. */
  async start(
    wrap: { compute?: (compute: Compute) => Compute; store?: (store: Store) => Store } = {},
  ): Promise<WorldDaemon> {
    const raw = await openMemoryStore(this.database, KINDS);
    const store = wrap.store ? wrap.store(raw) : raw;
    const simulated = createSimulatedCompute({ engine: this.engine, installation: INSTALLATION });
    const compute = wrap.compute ? wrap.compute(simulated) : simulated;
    const daemon = new WorldDaemon(this, store, compute);
    await daemon.open();
    return daemon;
  }
}

export class WorldDaemon {
  readonly store: Store;
  readonly compute: Compute;
  readonly manager: Manager;
  readonly informer: Informer;
  readonly #clock: ManualClock;
  readonly #database: MemoryDatabase;
  readonly #health: HealthMonitor;
  readonly #end = new AbortController();
  #epoch = 0;
  #reign: Promise<void> = Promise.resolve();

  constructor(world: World, store: Store, compute: Compute) {
    const { clock } = world;
    this.#clock = clock;
    this.#database = world.database;
    this.store = store;
    this.compute = compute;
    this.informer = new Informer(store, KINDS, clock, silentLog);
    this.#health = new HealthMonitor(compute, clock, (ref, what) => this.manager.notice(ref, what, 'health'));
    const acting = guarded(compute, () => this.#end.signal.throwIfAborted());
    const controllers = [
      vpcController(acting),
      instanceController({ compute: acting, health: this.#health, installation: INSTALLATION, defaultVpc }),
    ];
    this.manager = new Manager(
      { store, informer: this.informer, kinds: KINDS, settings, clock: clock as Clock, log: silentLog },
      controllers as unknown as AnyController[],
    );
  }

  async open(): Promise<void> {
    await this.compute.open();
    this.compute.subscribe(({ owner, what }) => this.manager.notice(owner, what));
    await this.informer.open();
    this.#database.lease = { holder: undefined, expires: 0 };
    const lease = await this.store.leases.acquire('leader', crypto.randomUUID(), 1e12);
    if (!lease.held) throw new Error('the lease is free');
    this.#epoch = lease.epoch;
    this.#reign = this.manager.reign({ epoch: lease.epoch, signal: this.#end.signal });
    await breathe();
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Ends as a crash does, as far as the rest of the world can tell: nothing more is called or written. */
  async stop(): Promise<void> {
    this.#end.abort();
    this.#health.stop();
    await breathe();
    await this.#reign;
    await this.informer.close();
    await this.compute.close();
    await this.store.close();
  }

  /** As after kill -9: whatever it waits for is never waited for again. */
  die(): void {
    this.#end.abort();
    this.#health.stop();
  }

  async apply(
    document: { kind: string; metadata: { name: string; namespace?: string; [key: string]: unknown }; spec: object },
    manager = 'person',
    force = false,
  ): Promise<Resource> {
    const kind = mustKind(document.kind);
    const raw = {
      apiVersion: 'miniaws.dev/v1',
      ...document,
      metadata: { namespace: 'default', ...document.metadata },
    } as unknown as RawDocument;
    const ref = refOf(raw as unknown as Resource);
    let result: Resource | undefined;
    const committed = await this.store.commit({
      decide: (view) => {
        const old = view.get(ref);
        const context = {
          settings,
          now: this.#clock.now(),
          fieldValidation: 'Strict' as const,
          warnings: [],
          manager,
          force,
        };
        result = applyDocument(kind, raw, old, view, context);
        return result === old ? {} : { put: [result] };
      },
    });
    return committed.resources[0] ?? (result as Resource);
  }

  async delete(ref: Ref, options: DeleteOptions = {}): Promise<void> {
    await this.store.commit({
      decide: (view) => {
        const old = view.get(ref);
        if (!old) return {};
        const left = remove(mustKind(ref.kind), old, options, this.#clock.now());
        return 'put' in left ? (left.put === old ? {} : { put: [left.put] }) : { remove: [left.remove] };
      },
    });
  }

  /** Lets everything that is due now happen, and goes on in time until nothing moves for `quietMs`. */
  async settle(quietMs = 1_000, limitMs = 300_000): Promise<void> {
    const start = this.#clock.monotonic();
    let still = 0;
    while (still < quietMs) {
      const before = this.fingerprint();
      await this.#clock.advance(quietMs / 4);
      for (let i = 0; i < 50 && !this.manager.idle(); i++) await breathe();
      still = this.fingerprint() === before ? still + quietMs / 4 : 0;
      if (this.#clock.monotonic() - start > limitMs)
        throw new Error(`the world did not settle within ${limitMs} ms of its time`);
    }
  }

  /** Changes whenever a daemon has written or called anything that changes something. */
  fingerprint(): string {
    return `${this.#database.commits} ${this.mutations()}`;
  }

  mutations(): number {
    return [...this.compute.calls()].filter(([name]) => MUTATING.has(name)).reduce((sum, [, n]) => sum + n, 0);
  }

  get(kind: string, name: string, namespace = 'default'): Resource | undefined {
    return this.store.cached().get({ kind, namespace, name });
  }

  owned(): readonly { type: string; name: string; owner: { uid: string } }[] {
    return valueOf(this.compute.everything()) ?? [];
  }
}
