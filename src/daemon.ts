import { randomUUID } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { KINDS } from './api/registry.ts';
import type { AdmissionSettings } from './api/schema.ts';
import { sleep, systemClock } from './base/clock.ts';
import type { Clock } from './base/clock.ts';
import { listOf, parseListen } from './base/config.ts';
import type { Config } from './base/config.ts';
import { messageOf, PassError } from './base/errors.ts';
import { sha256 } from './base/hash.ts';
import type { Log } from './base/log.ts';
import { assemble, defaultVpcDocument } from './controllers/assembly.ts';
import { findOrphans } from './controllers/orphans.ts';
import type { Compute } from './drivers/compute.ts';
import { createDockerCompute } from './drivers/docker/docker-compute.ts';
import { Leadership } from './engine/leader.ts';
import { ensureCertificates } from './host/certificates.ts';
import type { Certificates } from './host/certificates.ts';
import type { DataFolder } from './host/data-folder.ts';
import { newToken, tokenIn, writeKubeconfig } from './host/kubeconfig.ts';
import type { ApiContext } from './http/context.ts';
import { startServer } from './http/server.ts';
import type { ApiServer } from './http/server.ts';
import { openPostgresStore } from './store/postgres-store.ts';
import type { Retention, Store } from './store/store.ts';

const HOUR_MS = 3_600_000;
const CERTIFICATES_EVERY_MS = 24 * HOUR_MS;
const COMPACT_EVERY_MS = 10 * 60_000;
const ORPHANS_EVERY_MS = 60_000;
const ENGINE_ID_EVERY_MS = 1_000;
/** However young, no more rows than these are kept: bounds the database. */
const CHANGES_MAX = 200_000;
const LOG_MAX = 100_000;

export interface Daemon {
  url: string;
  installation: string;
  stop(): Promise<void>;
}

export interface DaemonOptions {
  config: Config;
  folder: DataFolder;
  databaseUrl: string;
  log: Log;
  version: string;
  clock?: Clock;
}

/** Puts the parts together and runs them: store, driver, engine, API. Everything that was started is stopped by `stop`, last first. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, folder, log, clock = systemClock } = options;
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const store = await openPostgresStore({ url: options.databaseUrl, kinds: KINDS, clock, log });
    stops.push(() => store.close());
    const installation = await installationOf(store, config);
    const compute = await openCompute(config, installation, log, clock);
    stops.push(() => compute.close());
    await compute.open();
    const guard = new EngineGuard(store, compute, log);
    const parts = await engineParts(options, store, compute, guard, installation, clock);
    stops.push(() => parts.informer.close());
    const closing = new AbortController();
    stops.push(() => closing.abort());
    const context: ApiContext = {
      ...parts,
      store,
      compute,
      clock,
      log,
      installation,
      version: options.version,
      closing: closing.signal,
    };
    const certificates = await certificatesOf(options, clock);
    const server = await startServer(context, parseListen(config.listen), certificates);
    stops.push(() => server.close());
    await ensureAdminKey(store, folder, server.url, certificates.ca);
    void guard.run(clock, closing.signal);
    parts.leader.start(guard.eligible, (term) => parts.reign(term));
    stops.push(() => parts.leader.stop());
    chores(options, store, context, server, clock, closing.signal);
    log.info({ url: server.url, installation }, 'serving');
    return { url: server.url, installation, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ruling 2: a database that belongs to another installation is not ours to work on. */
async function installationOf(store: Store, config: Config): Promise<string> {
  const recorded = await store.settings.setOnce('installation', config.installation || randomUUID());
  if (config.installation && config.installation !== recorded) {
    throw new Error(
      `this database belongs to installation "${recorded}", not "${config.installation}": use another database, or leave MINIAWS_INSTALLATION unset`,
    );
  }
  return recorded;
}

async function openCompute(config: Config, installation: string, log: Log, clock: Clock): Promise<Compute> {
  if (config.engine === 'docker') return createDockerCompute({ installation, host: config.dockerHost, log, clock });
  const { SimulatedEngine } = await import('./drivers/simulated/simulated-engine.ts');
  const { createSimulatedCompute } = await import('./drivers/simulated/simulated-compute.ts');
  return createSimulatedCompute({ engine: new SimulatedEngine({ clock }), installation });
}

async function engineParts(
  options: DaemonOptions,
  store: Store,
  compute: Compute,
  guard: EngineGuard,
  installation: string,
  clock: Clock,
) {
  const { config, log } = options;
  const settings: AdmissionSettings = {
    vpcPool: config.vpcPool,
    vpcPrefix: Number(config.vpcPrefix),
    allowedHostPaths: listOf(config.allowHostPath),
    foreignRanges: () => compute.foreignRanges(),
  };
  const holder = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const leader = new Leadership(store.leases, holder, clock, log);
  const check = () => {
    leader.check();
    guard.check();
  };
  const { informer, manager, reign } = assemble(
    { store, compute, clock, log, settings, installation, defaultVpc: await defaultVpcDocument(), check },
    { workers: Number(config.workers), resyncMs: Number(config.resync) * 1000 },
  );
  await informer.open();
  return { settings, informer, leader, manager, reign };
}

/**
 * Ruling 1: the database remembers its Engine. While this daemon's Engine is not known to be that one it never leads:
 * to it, everything would look deleted. After every outage the Engine is asked again before it is acted on.
 */
class EngineGuard {
  #isOurs = false;
  #isVerified = false;
  readonly #store: Store;
  readonly #compute: Compute;
  readonly #log: Log;

  constructor(store: Store, compute: Compute, log: Log) {
    this.#store = store;
    this.#compute = compute;
    this.#log = log;
    compute.subscribe(({ owner }) => {
      if (owner === undefined) void this.#afterUpheaval();
    });
  }

  readonly eligible = (): boolean => this.#isOurs;

  check(): void {
    if (!this.#isVerified)
      throw new PassError('EngineUnavailable', 'the Engine was away and has not yet said that it is the same one');
  }

  async run(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#isVerified) await this.#identify();
      await sleep(clock, ENGINE_ID_EVERY_MS, signal);
    }
  }

  async #afterUpheaval(): Promise<void> {
    this.#isVerified = false;
    if (this.#compute.outage() === undefined) await this.#identify();
  }

  async #identify(): Promise<void> {
    try {
      const id = await this.#compute.engineId();
      const recorded = await this.#store.settings.setOnce('engine-id', id);
      if (recorded !== id)
        this.#log.error(
          { engine: id, recorded },
          'this Engine is not the one of this database: not leading. Point DOCKER_HOST to that Engine, or use another database',
        );
      this.#isOurs = recorded === id;
      this.#isVerified = recorded === id;
    } catch (error) {
      this.#log.debug({ err: messageOf(error) }, 'the Engine did not tell its id');
    }
  }
}

const certificatesOf = ({ config, folder }: DaemonOptions, clock: Clock): Promise<Certificates> =>
  ensureCertificates({
    folder: folder.tls,
    names: [...listOf(config.tlsName), ...listenNames(config)],
    ...(config.caCert ? { caCert: config.caCert, caKey: config.caKey } : {}),
    now: clock.now(),
  });

/** A daemon that listens on one address is reached by it; one that listens on all, by each of the machine's. */
function listenNames(config: Config): string[] {
  const { host } = parseListen(config.listen);
  if (host !== '0.0.0.0' && host !== '::') return [host];
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).filter((a) => !a.address.startsWith('fe80')).map((a) => a.address),
  );
}

/** The first start makes the administrator's key; later ones keep it, while the database knows it. */
async function ensureAdminKey(store: Store, folder: DataFolder, url: string, ca: string): Promise<void> {
  const known = await tokenIn(folder.adminKubeconfig);
  const valid = known !== undefined && (await store.keys.find(sha256(known))) !== undefined;
  const token = valid ? known : newToken();
  if (!valid) await store.keys.create(sha256(token), 'admin');
  await writeKubeconfig(folder.adminKubeconfig, { server: reachable(url), ca, token });
}

/** An address that a client on this machine can connect to. */
const reachable = (url: string): string => url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');

/** What is done from time to time: certificates renewed, history compacted, orphans told of. */
function chores(
  options: DaemonOptions,
  store: Store,
  context: ApiContext,
  server: ApiServer,
  clock: Clock,
  signal: AbortSignal,
): void {
  const { config, log } = options;
  const every = async (ms: number, what: string, chore: () => Promise<unknown>) => {
    for (;;) {
      await sleep(clock, ms, signal);
      if (signal.aborted) return;
      await chore().catch((error: unknown) =>
        log.warn({ chore: what, err: messageOf(error) }, 'a chore failed; trying again later'),
      );
    }
  };
  const hours = (text: string) => Number(text) * HOUR_MS;
  const retention: Retention = {
    changesMs: hours(config.keepHistory),
    changesMax: CHANGES_MAX,
    eventsMs: hours(config.keepEvents),
    logMs: hours(config.keepLog),
    logMax: LOG_MAX,
  };
  const told = new Set<string>();
  void every(CERTIFICATES_EVERY_MS, 'certificates', async () => server.renew(await certificatesOf(options, clock)));
  void every(
    COMPACT_EVERY_MS,
    'compaction',
    async () => context.leader.isLeading() && store.compact(retention, clock.now()),
  );
  void every(ORPHANS_EVERY_MS, 'orphans', async () => {
    const found = await findOrphans(context.compute, await store.current(), context.installation);
    for (const orphan of found.state === 'present' ? found.value : []) {
      if (told.has(orphan.id) || orphan.type === 'volume') continue;
      told.add(orphan.id);
      log.warn(
        { type: orphan.type, id: orphan.id, name: orphan.name },
        'an object has our mark and no document owns it; see miniaws orphans',
      );
    }
  });
}
