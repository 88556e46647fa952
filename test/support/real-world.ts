import { DIGEST, MAC } from '../../src/proof/world.ts';
import { KINDS, MODULES } from '../../src/kinds/index.ts';
import { findCondition, isReady, keyOf, refOf } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import { systemClock } from '../../src/base/clock.ts';
import { PassError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { assemble, loadRuntimes } from '../../src/operator/assembly.ts';
import type { Assembly } from '../../src/operator/assembly.ts';
import type { Compute } from '../../src/drivers/compute.ts';
import { createDockerCompute } from '../../src/drivers/docker/docker-compute.ts';
import { MUTATING } from '../../src/drivers/guarded.ts';
import { CONFIG_PATH } from '../../src/drivers/haproxy/configuration.ts';
import { createHaproxyProxies } from '../../src/drivers/haproxy/haproxy-proxies.ts';
import type { Proxies } from '../../src/drivers/proxies.ts';
import { MemoryBytes } from '../../src/drivers/objects/memory.ts';
import { createSimulatedGit, SimulatedRepositories } from '../../src/drivers/git/simulated-git.ts';
import { createProxyImages } from '../../src/drivers/proxy-image.ts';
import { proxyImage } from '../../src/host/proxy-image.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import { Person, settingsOf } from '../../src/proof/person.ts';
import type { SideEffects } from '../../src/proof/seam.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import type { TestDatabase } from './database.ts';
import { cleanInstallation, engine, freshInstallation } from './engine.ts';
import { eventually } from './wait.ts';

const LEASE = 'leader';
const TTL_MS = 600_000;

/** What HAProxy runs, what its stored file says that it should, and each server's operational and administrative state. */
async function proxyLines(containerId: string): Promise<string[]> {
  const script = `printf 'show info;show servers state\\n' | nc 127.0.0.1 9999; cat ${CONFIG_PATH}`;
  const exec = await engine
    .getContainer(containerId)
    .exec({ Cmd: ['sh', '-c', script], Tty: true, AttachStdout: true });
  let text = '';
  for await (const chunk of await exec.start({ Tty: true })) text += String(chunk);
  const lines = text.replaceAll('\r', '').split('\n');
  const all = (pattern: RegExp) => lines.flatMap((line) => pattern.exec(line)?.[1] ?? []);
  const [running, stored] = [all(/^description: (.*)/), all(/^ {2}description (.*)/)];
  const servers = all(/^\d+ (\S+ \d+ \S+ \S+ \d+ \d+) /).map((words) => words.split(' '));
  return [
    `proxy: runs ${running.join()}, stored ${stored.join()} with ${all(/^ {2}server (\S+)/).length} servers`,
    ...servers.map(([backend, , , , state, admin]) => `server in ${backend}: state ${state}, set to ${admin}`),
  ];
}

/** A load balancer serves while a target's first check is awaited: it is Ready, and not at its end. */
const hasSettled = (r: Resource): boolean => isReady(r) && findCondition(r, 'Progressing')?.reason === 'Reconciled';

/** The real Engine and a real database, which outlive their daemons: these run in this very process, so that a fault can stop one anywhere. */
export class RealWorld {
  readonly installation = freshInstallation();
  readonly #database: TestDatabase;
  epoch = 0;

  constructor(database: TestDatabase) {
    this.#database = database;
  }

  /** A daemon that leads from now on. */
  async start(effects?: SideEffects): Promise<RealDaemon> {
    const store = await openPostgresStore({
      url: this.#database.url,
      kinds: KINDS,
      clock: systemClock,
      log: silentLog,
    });
    const compute = createDockerCompute({
      installation: this.installation,
      host: '',
      log: silentLog,
      clock: systemClock,
    });
    const proxies = createHaproxyProxies({ compute, clock: systemClock });
    const daemon = new RealDaemon(
      this,
      effects?.store(store) ?? store,
      effects?.compute(compute) ?? compute,
      effects?.proxies(proxies) ?? proxies,
      await loadRuntimes(MODULES),
    );
    await daemon.open();
    return daemon;
  }

  async seize(store: Store): Promise<number> {
    await store.leases.release(LEASE, `daemon-${this.epoch}`);
    const lease = await store.leases.acquire(LEASE, `daemon-${this.epoch + 1}`, TTL_MS);
    if (!lease.held) throw new Error(`${lease.holder} has the lease`);
    this.epoch = lease.epoch;
    return lease.epoch;
  }

  /**
   * What there is, as the Engine, the database and HAProxy themselves say it, without what differs from run to run; which
   * of its equal instances a group has is no difference.
   */
  async picture(): Promise<string[]> {
    const filters = { label: [`${LABEL.installation}=${this.installation}`] };
    const containers = await engine.listContainers({ all: true, filters });
    const networks = await engine.listNetworks({ filters });
    const rows = await this.#database.query<{ uid: string; title: string; line: string }>(
      `WITH titled AS (
         SELECT *, CASE WHEN owner_references->0->>'name' IS NULL THEN name ELSE 'one of ' || (owner_references->0->>'name') END AS title
           FROM resources)
       SELECT uid, title, format('document %s %s %s %s %s', kind, title, deletion_time IS NOT NULL, spec, c->>'status') AS line
         FROM titled LEFT JOIN LATERAL jsonb_array_elements(status->'conditions') c ON c->>'type' = 'Ready'
       UNION ALL SELECT id, title, format('row of instances %s %s', coalesce(title, i.name), i.status)
         FROM instances i LEFT JOIN titled ON uid = id WHERE deleted_at IS NULL
       UNION ALL SELECT id, name, format('row of vpcs %s %s', name, cidr_block) FROM vpcs
       UNION ALL SELECT id, name, format('row of scaling_groups %s %s, %s of %s', name, status, current_count, desired_count)
         FROM scaling_groups
       UNION ALL SELECT id, name, format('row of load_balancers %s %s %s', name, status, listener_port) FROM load_balancers`,
    );
    const titles = new Map(rows.map(({ uid, title }) => [uid, title]));
    const proxies = containers.filter((c) => c.Labels[LABEL.kind] === 'LoadBalancer' && c.State === 'running');
    return [
      ...containers.map(
        (c) =>
          `container of ${titles.get(c.Labels[LABEL.uid] ?? '')}: ${c.State} ${c.Labels[LABEL.specHash]} ${c.Names.length}`,
      ),
      ...networks.map((n) => `network of ${n.Labels?.[LABEL.name]}: ${n.IPAM?.Config?.[0]?.Subnet}`),
      ...rows.map((row) => row.line),
      ...(await Promise.all(proxies.map(({ Id }) => proxyLines(Id)))).flat(),
    ].toSorted();
  }

  /** Oracle 4: what bears our mark and belongs to no document. */
  async orphans(): Promise<string[]> {
    const filters = { label: [`${LABEL.installation}=${this.installation}`] };
    const owned = [
      ...(await engine.listContainers({ all: true, filters })).map((c) => c.Labels[LABEL.uid]),
      ...(await engine.listNetworks({ filters })).map((n) => n.Labels?.[LABEL.uid]),
    ];
    const rows = await this.#database.query<{ uid: string }>('SELECT uid FROM resources');
    const known = new Set(rows.map(({ uid }) => uid));
    return owned.filter((uid) => !known.has(uid ?? '')).map((uid) => `orphan of ${uid}`);
  }

  /** Nothing is left, as before the first daemon. */
  async clear(): Promise<void> {
    await cleanInstallation(this.installation);
  }
}

export class RealDaemon extends Person {
  readonly #world: RealWorld;
  readonly #compute: Compute;
  readonly #proxies: Proxies;
  readonly #parts: Assembly;
  readonly #end = new AbortController();
  #epoch = 0;
  #leading: Promise<void> = Promise.resolve();

  constructor(
    world: RealWorld,
    store: Store,
    compute: Compute,
    proxies: Proxies,
    runtimes: Awaited<ReturnType<typeof loadRuntimes>>,
  ) {
    super(store, systemClock, KINDS);
    this.#world = world;
    this.#compute = compute;
    this.#proxies = proxies;
    this.#parts = assemble({
      store,
      kinds: KINDS,
      compute,
      proxies,
      images: createProxyImages({ compute, build: proxyImage }),
      git: createSimulatedGit(new SimulatedRepositories(systemClock)),
      bytes: new MemoryBytes(systemClock),
      clock: systemClock,
      log: silentLog,
      settings: settingsOf(KINDS),
      installation: world.installation,
      digest: DIGEST,
      mac: MAC,
      runtimes,
      believable: () => true,
      metering: undefined,
      check: () => {
        this.#end.signal.throwIfAborted();
        if (world.epoch !== this.#epoch) throw new PassError('LeaseLost', 'another daemon leads');
      },
    });
  }

  async open(): Promise<void> {
    await this.#compute.open();
    await this.#parts.informer.open();
    this.#epoch = await this.#world.seize(this.store);
    this.#leading = this.#parts.lead({ epoch: this.#epoch, signal: this.#end.signal });
  }

  /** As after kill -9, as far as the rest of the world can tell: what it waits for is never waited for again. */
  async die(): Promise<void> {
    this.#end.abort();
    this.#parts.stop();
    this.#proxies.close();
    await this.#parts.informer.close();
    await this.#compute.close();
    await this.store.close();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#leading;
    await this.die();
  }

  /** Every document is Ready, waits for nothing and is not being deleted; and nothing is under way, after a look at everything. */
  isSettled(): boolean {
    const hasLooked = this.#passes() > 0 || this.#documents().length === 0;
    return this.#open().length === 0 && hasLooked && this.#parts.manager.idle();
  }

  #documents(): Resource[] {
    return [...this.store.cached().all()];
  }

  #passes(): number {
    return this.#parts.manager.passes().reduce((sum, { count }) => sum + count, 0);
  }

  async settled(): Promise<void> {
    await eventually(
      'every document to be as it should',
      () => {
        const open = this.#open();
        if (open.length > 0)
          throw new Error(open.map((r) => `${keyOf(refOf(r))} ${JSON.stringify(r.status)}`).join('; '));
        return this.isSettled();
      },
      40_000,
    );
  }

  #open(): Resource[] {
    return this.#documents().filter((r) => r.metadata.deletionTimestamp !== undefined || !hasSettled(r));
  }

  mutations(): number {
    return [...this.#compute.calls()].reduce((sum, [name, n]) => sum + (MUTATING.has(name) ? n : 0), 0);
  }

  /** Oracles 3 and 5. */
  async faults(): Promise<string[]> {
    const before = `${this.mutations()} ${this.store.cached().revision}`;
    for (let look = 0; look < 3; look++) {
      const from = this.#passes();
      this.#parts.manager.notice(undefined, 'oracle', 'resync');
      await eventually(
        'a look at everything',
        () => this.#passes() >= from + this.#documents().length && this.#parts.manager.idle(),
      );
    }
    const after = `${this.mutations()} ${(await this.store.current()).revision}`;
    const documents = this.#documents();
    const lies = documents.flatMap((r) => this.#parts.contradiction(r, this.#compute, documents) ?? []);
    return [...lies, ...(after === before ? [] : [`not quiet: calls and revision went from ${before} to ${after}`])];
  }
}
