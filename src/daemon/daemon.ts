import { AUDIT } from '../store/audit.ts';
import { SETTINGS } from '../store/settings.ts';
import { resolve } from 'node:path';
import { randomUUID } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { kindsOf } from '../kinds/index.ts';
import type { KindModule } from '../kinds/shared/kind-module.ts';
import type { AdmissionSettings } from '../api/kind.ts';
import type { KindRegistry } from '../api/registry.ts';
import { sleep, systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import type { HostAccess } from '../base/host-access.ts';
import { ENGINE_SOCKETS, normalizedPath } from '../base/host-paths.ts';
import type { HostPathRules } from '../base/host-paths.ts';
import { DEFAULT_LISTEN, listOf, parseListen } from '../base/config.ts';
import type { Config } from '../base/config.ts';
import type { Keyring } from '../base/keyring.ts';
import { digestBy } from '../base/hash.ts';
import { durationMs } from '../base/quantity.ts';
import type { Log } from '../base/log.ts';
import { agreeOnMasterKey, rotateMasterKey, withMasterKey } from './master-key.ts';
import { startChores } from './maintenance.ts';
import { assemble, loadRuntimes, machineTokenOf } from '../operator/assembly.ts';
import { installationMac } from '../operator/content-digest.ts';
import { masterKeyExtension } from '../operator/master-key-route.ts';
import { openRealGit } from '../drivers/git/real-git.ts';
import { createProxyImages } from '../drivers/proxy-image.ts';
import { proxyImage } from '../host/proxy-image.ts';
import { oidcExtension } from './oidc.ts';
import { startedAt } from './listening.ts';
import type { Listen } from './listening.ts';
import { openObjectBytes } from './object-bytes.ts';
import { S3Traffic } from '../s3/http/traffic.ts';
import { s3PartsOf, startS3 } from './s3.ts';
import { openDrivers } from './open-drivers.ts';
import type { Drivers } from './open-drivers.ts';
import { EngineGuard } from '../operator/engine-guard.ts';
import { Leadership } from '../engine/leader.ts';
import { auditFile } from '../host/audit-file.ts';
import { ensureCertificates } from '../host/certificates.ts';
import type { Certificates } from '../host/certificates.ts';
import type { DataFolder } from '../host/data-folder.ts';
import { placeOf } from '../host/database.ts';
import type { Database } from '../host/database.ts';
import { masterKeyFileOf, openKeyring } from '../host/master-key.ts';
import { recordInstallation } from '../host/installation-record.ts';
import { tokenIn, writeKubeconfig } from '../host/kubeconfig.ts';
import { AuditLog } from '../http/audit-log.ts';
import type { ApiContext } from '../http/context.ts';
import { Deletions } from '../http/deletions.ts';
import type { HttpExtension } from '../http/extension.ts';
import { startServer } from '../http/server.ts';
import { s3CredentialsRoute } from '../s3/credentials-route.ts';
import { openPostgresStore } from '../store/postgres-store.ts';
import type { Store } from '../store/store.ts';

/** For all steps of a stop together. A pass that is under way then ends with the process, as it may at any time (I3). */
const STOP_MS = 4_000;

export interface Daemon {
  url: string;
  installation: string;
  stop(): Promise<void>;
}

export interface DaemonOptions {
  config: Config;
  folder: DataFolder;
  database: Database;
  log: Log;
  version: string;
  /** The kinds that it serves. */
  modules: readonly KindModule[];
  clock?: Clock;
}

/** Puts the parts together and runs them: store, driver, engine, API. Everything that was started is stopped by `stop`, last first. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, folder, log, clock = systemClock } = options;
  const kinds = kindsOf(options.modules);
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    const late = sleep(clock, STOP_MS).then(() => log.warn('what is under way is left: it takes too long'));
    for (const end of stops.splice(0).reverse()) await Promise.race([end(), late]);
  };
  try {
    const masterKeyFile = masterKeyFileOf(config, folder);
    const keyring = await openKeyring(masterKeyFile);
    const store = await withMasterKey(masterKeyFile, () =>
      openPostgresStore({ url: options.database.url, kinds, clock, log, keyring }),
    );
    stops.push(() => store.close());
    const agree = () => agreeOnMasterKey(keyring, masterKeyFile, store);
    await agree();
    const installation = await installationOf(store, config);
    await recordInstallation(folder, { installation, database: placeOf(options.database), engine: config.engine });
    const drivers = await openDrivers(config, installation, { log, clock, hostPaths: hostPathRules(config, folder) });
    const { compute, proxies, meter } = drivers;
    stops.push(() => compute.close());
    stops.push(() => meter.close());
    stops.push(() => proxies.close());
    await compute.open();
    const guard = new EngineGuard(store, compute, log);
    const parts = await engineParts(options, kinds, store, drivers, guard, installation, keyring, clock);
    stops.push(() => parts.informer.close());
    const closing = new AbortController();
    const audit = new AuditLog(
      store.beside(AUDIT),
      clock,
      log,
      config.auditFile ? auditFile(config.auditFile, log) : undefined,
    );
    stops.push(() => audit.close());
    const context: ApiContext = {
      ...parts,
      store,
      kinds,
      compute,
      proxies,
      clock,
      log,
      installation,
      version: options.version,
      closing: closing.signal,
      audit,
      deletions: new Deletions(parts.informer),
      idleMs: Number(config.idleTimeout) * 1000,
    };
    const certificates = await certificatesOf(options, clock);
    const s3Parts = s3PartsOf(parts.runtimes, context);
    const traffic = new S3Traffic(clock, config.s3AccessLog === 'yes' ? log : undefined);
    const s3 = await startS3(config, s3Parts, context, certificates, traffic);
    stops.push(() => s3.close());
    const extensions: HttpExtension[] = [
      ...parts.extensions,
      masterKeyExtension(() => rotateMasterKey(keyring, masterKeyFile, store)),
      ...oidcExtension(config, kinds, clock),
      {
        routes: (app) => s3CredentialsRoute(app, s3Parts.keys, () => s3.url),
        gauges: (registry) => traffic.register(registry),
      },
    ];
    const server = await startedAt(
      { given: config.listen, usual: DEFAULT_LISTEN, what: '', flag: '--listen' },
      log,
      (at) => startServer(context, extensions, at, certificates),
    );
    stops.push(() => server.close());
    await ensureAdminKey((known) => parts.machineToken(store, clock, known), folder, server.url, certificates.ca);
    void guard.run(clock, closing.signal);
    parts.leader.start(guard.eligible, (term) => parts.lead(term));
    stops.push(() => parts.leader.stop());
    // First: what clients hold open ends while the rest is still there.
    stops.push(() => closing.abort());
    const renewCertificates = async () => {
      const renewed = await certificatesOf(options, clock);
      server.renew(renewed);
      s3.renew(renewed);
    };
    startChores(config, context, parts.chores, { renewCertificates, agreeOnMasterKey: agree }, closing.signal);
    log.info({ url: server.url, s3: s3.url, installation }, 'serving');
    return { url: server.url, installation, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A database that belongs to another installation is not ours to work on. */
async function installationOf(store: Store, config: Config): Promise<string> {
  const recorded = await store.beside(SETTINGS).setOnce('installation', config.installation || randomUUID());
  if (config.installation && config.installation !== recorded) {
    throw new Error(
      `this database belongs to installation "${recorded}", not "${config.installation}": use another database, or leave MINIAWS_INSTALLATION unset`,
    );
  }
  return recorded;
}

async function engineParts(
  options: DaemonOptions,
  kinds: KindRegistry,
  store: Store,
  { compute, proxies, meter }: Drivers,
  guard: EngineGuard,
  installation: string,
  keyring: Keyring,
  clock: Clock,
) {
  const { config, log } = options;
  const settings: AdmissionSettings = {
    vpcPool: config.vpcPool,
    vpcPrefix: Number(config.vpcPrefix),
    hostPaths: hostPathRules(config, options.folder),
    hostAccess: hostAccessOf(config),
    foreignRanges: () => compute.foreignRanges(),
    governors: kinds.governors,
  };
  const holder = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const leader = new Leadership(store.leases, holder, clock, log);
  const check = () => {
    leader.check();
    guard.check();
  };
  const mac = await installationMac(store.beside(SETTINGS), keyring);
  const intervalMs = Number(config.metricsInterval) * 1000;
  const metering = intervalMs > 0 ? { meter, intervalMs } : undefined;
  const runtimes = await loadRuntimes(options.modules);
  const images = createProxyImages({
    compute,
    build: () => proxyImage((text) => log.info({ text }, 'building the proxy image')),
    log,
  });
  const {
    informer,
    manager,
    runtimes: assembled,
    extensions,
    chores,
    live,
    lead,
  } = assemble(
    {
      store,
      kinds,
      compute,
      proxies,
      images,
      git: await openRealGit({ folder: options.folder.git, clock }),
      bytes: await openObjectBytes(config, options.folder, { installation, settings: store.beside(SETTINGS), log }),
      clock,
      log,
      settings,
      installation,
      digest: digestBy(mac),
      mac,
      runtimes,
      check,
      believable: guard.believable,
      metering,
      imageRetentionMs: durationMs(config.imageRetention),
    },
    { workers: Number(config.workers), resyncMs: Number(config.resync) * 1000 },
  );
  guard.onKnown(() => manager.notice(undefined, 'the Engine is known to be ours'));
  for (const { prepare } of assembled.values()) await prepare?.();
  await informer.open();
  return {
    settings,
    informer,
    leader,
    manager,
    extensions,
    chores,
    live,
    lead,
    runtimes: [...assembled.values()],
    machineToken: machineTokenOf(runtimes),
  };
}

/** What is guarded whatever is allowed: the sockets of Engines, the one that this daemon uses, and all that is the daemon's own. */
const hostPathRules = (config: Config, folder: DataFolder): HostPathRules => ({
  allowed: listOf(config.allowHostPath).map((path) => normalizedPath(resolve(path))),
  guarded: [
    ...ENGINE_SOCKETS,
    ...(config.dockerHost?.startsWith('unix://')
      ? [normalizedPath(resolve(config.dockerHost.slice('unix://'.length)))]
      : []),
    normalizedPath(resolve(folder.path)),
  ],
});

const hostAccessOf = (config: Config): HostAccess => ({
  devices: listOf(config.allowDevice).map((path) => normalizedPath(resolve(path))),
  gpus: config.allowGpus === 'yes',
  metadata: config.allowMetadata === 'yes',
  nfsServers: listOf(config.allowNfsServer),
});

const certificatesOf = ({ config, folder }: DaemonOptions, clock: Clock): Promise<Certificates> =>
  ensureCertificates({
    folder: folder.tls,
    names: [...listOf(config.tlsName), ...listenNames(config)],
    ...(config.caCert ? { caCert: config.caCert, caKey: config.caKey } : {}),
    now: clock.now(),
  });

const listenOf = ({ listen }: Config): Listen => (listen === '' ? DEFAULT_LISTEN : parseListen(listen));

/** A daemon that listens on one address is reached by it; one that listens on all, by each of the machine's. */
function listenNames(config: Config): string[] {
  const { host } = listenOf(config);
  if (host !== '0.0.0.0' && host !== '::') return [host];
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).filter((a) => !a.address.startsWith('fe80')).map((a) => a.address),
  );
}

/** The first start makes the administrator's key; later ones keep it, while it lets an administrator in. */
async function ensureAdminKey(
  machineToken: (known: string | undefined) => Promise<string>,
  folder: DataFolder,
  url: string,
  ca: string,
): Promise<void> {
  const token = await machineToken(await tokenIn(folder.adminKubeconfig));
  await writeKubeconfig(folder.adminKubeconfig, { server: reachable(url), ca, token });
}

/** An address that a client on this machine can connect to. */
const reachable = (url: string): string => url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
