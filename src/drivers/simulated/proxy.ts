import type { Clock } from '../../base/clock.ts';
import { PassError } from '../../base/errors.ts';
import { structureOf } from '../haproxy/configuration.ts';
import type { ProxyConfig, ProxyState, ServerMode, ServerRef, ServerState, Traffic } from '../proxies.ts';

/** What a check would find of a server now. */
export type Check = (server: { address: string; port: number }, config: ProxyConfig, backend: string) => CheckResult;

export interface CheckResult {
  healthy: boolean;
  /** In the proxy's words: `L4CON: connection refused`. */
  words: string;
}

/** What was done to a server and what its checks have said: another worker takes it over. */
type Said = Pick<ServerState, 'mode' | 'health' | 'changedAt' | 'lastCheck' | 'passed'>;

interface Server {
  readonly ref: ServerRef;
  readonly address: string;
  readonly port: number;
  said: Said;
  /** What a check finds, and since when by the monotonic clock; `health` follows after as many intervals as its threshold. */
  truth: CheckResult;
  truthSince: number;
  traffic: Traffic;
}

/** What a reload left to its connections. */
interface OldWorker {
  readonly id: string;
  /** By server. */
  readonly sessions: Map<string, number>;
  /** By the monotonic clock. */
  readonly endsAt: number;
}

const NO_TRAFFIC: Traffic = { requests: 0, failed: 0, errors5xx: 0, latencyMs: 0, sessions: 0 };

/**
 * The proxy in a simulated container. A test is its clients (`open`, `count`) and whoever has a shell in its
 * container: it tampers through the same methods that the driver uses.
 */
export class SimulatedProxy {
  /** While false, its admin interface says nothing. */
  answers = true;
  /** What it says against every configuration; `undefined`: nothing. */
  complaint: string | undefined;
  readonly #clock: Clock;
  readonly #check: Check;
  #config: ProxyConfig | undefined;
  #since: Date;
  readonly #servers = new Map<string, Server>();
  /** The oldest first. */
  #old: readonly OldWorker[] = [];
  #workers = 1;
  /** Of servers that are gone, and of what never had one. */
  #others: Traffic = NO_TRAFFIC;

  constructor(clock: Clock, check: Check) {
    this.#clock = clock;
    this.#check = check;
    this.#since = clock.now();
  }

  /** Another worker takes over: it knows what its checks have said until now, and what was done to its servers. */
  reload(config: ProxyConfig | undefined): void {
    this.watch();
    const before = new Map(this.#servers);
    const sessions = new Map([...before].map(([key, { traffic }]) => [key, traffic.sessions]));
    const endsAt = this.#clock.monotonic() + (this.#config?.drainMs ?? 0);
    const old = [...this.#old, { id: String(this.#workers++), sessions, endsAt }];
    this.begin(config);
    this.#old = old;
    for (const [key, server] of this.#servers) server.said = before.get(key)?.said ?? server.said;
  }

  /** A new worker, with what the configuration has; `undefined`: one that is none of ours. */
  begin(config: ProxyConfig | undefined): void {
    this.#config = config;
    this.#since = wholeSecond(this.#clock.now());
    this.#others = NO_TRAFFIC;
    this.#old = [];
    this.#servers.clear();
    for (const backend of config?.backends ?? []) {
      for (const { name, ...at } of backend.servers) this.#put({ backend: backend.name, server: name }, at, 'up');
    }
  }

  add(ref: ServerRef, at: { address: string; port: number }): void {
    if (!this.#config?.backends.some(({ name }) => name === ref.backend)) throw failed('add', ref, 'No such backend.');
    const found = this.#servers.get(keyOf(ref));
    if (found && (found.address !== at.address || found.port !== at.port)) {
      const words = `server ${keyOf(ref)} is at ${found.address}:${found.port}, not at ${at.address}:${at.port}`;
      throw new PassError('Refused', `${words}: remove it first`);
    }
    if (found) return this.set(ref, 'ready');
    // It gets its first request when a check has succeeded.
    this.#put(ref, at, 'down');
  }

  #put(ref: ServerRef, at: { address: string; port: number }, health: ServerState['health']): void {
    if (!this.#config) return;
    this.#servers.set(keyOf(ref), {
      ref,
      ...at,
      said: { mode: 'ready', health, changedAt: wholeSecond(this.#clock.now()), lastCheck: '', passed: false },
      truth: this.#check(at, this.#config, ref.backend),
      truthSince: this.#clock.monotonic(),
      traffic: NO_TRAFFIC,
    });
  }

  set(ref: ServerRef, mode: ServerMode): void {
    const server = this.#server(ref);
    if (server.said.mode === mode) return;
    // One in maintenance is down, and stays so until a check has succeeded after it.
    const isDown = server.said.mode === 'maint' || mode === 'maint';
    if (isDown) server.truthSince = this.#clock.monotonic();
    server.said = {
      ...server.said,
      mode,
      health: isDown ? 'down' : server.said.health,
      changedAt: wholeSecond(this.#clock.now()),
    };
  }

  end(ref: ServerRef): void {
    const server = this.#server(ref);
    server.traffic = { ...server.traffic, sessions: 0 };
    for (const { sessions } of this.#old) sessions.delete(keyOf(ref));
  }

  endWorker(id: string): void {
    this.#old = this.#old.filter((worker) => worker.id !== id);
  }

  remove(ref: ServerRef): void {
    const server = this.#servers.get(keyOf(ref));
    if (!server) return;
    const refuse = (words: string) => failed('remove', ref, words, 'DependencyNotReady');
    if (server.said.mode !== 'maint') throw refuse('Only servers in maintenance mode can be deleted.');
    if (server.traffic.sessions > 0) throw refuse('Server still has connections attached to it, cannot remove it.');
    this.#others = plus(this.#others, server.traffic);
    this.#servers.delete(keyOf(ref));
  }

  /** So many clients' connections more, or fewer, that this server answers. */
  open(ref: ServerRef, sessions: number): void {
    const key = keyOf(ref);
    const old = this.#oldWorkers().find((worker) => sessions < 0 && (worker.sessions.get(key) ?? 0) > 0);
    if (old) old.sessions.set(key, (old.sessions.get(key) ?? 0) + sessions);
    else this.count(ref, { sessions });
  }

  /** One ends with its last connection, or when its time has come. */
  #oldWorkers(): readonly OldWorker[] {
    const now = this.#clock.monotonic();
    this.#old = this.#old.filter((worker) => worker.endsAt > now && sessionsOf(worker) > 0);
    return this.#old;
  }

  /** Adds to a server's counters; its latency becomes what is given. */
  count(ref: ServerRef, more: Partial<Traffic>): void {
    const server = this.#server(ref);
    server.traffic = {
      ...plus(server.traffic, { ...NO_TRAFFIC, ...more }),
      latencyMs: more.latencyMs ?? server.traffic.latencyMs,
    };
  }

  /** Looks at what its checks would find; what differs from before does so from now on. */
  watch(): void {
    for (const server of this.#servers.values()) {
      this.#settle(server);
      const truth = this.#config ? this.#check(server, this.#config, server.ref.backend) : server.truth;
      if (truth.healthy !== server.truth.healthy) server.truthSince = this.#clock.monotonic();
      server.truth = truth;
      this.#settle(server);
    }
  }

  state(file: string): ProxyState {
    this.watch();
    const old = this.#oldWorkers();
    const servers = [...this.#servers.values()].map((server) => {
      const more = old.reduce((sum, { sessions }) => sum + (sessions.get(keyOf(server.ref)) ?? 0), 0);
      return toState(server, more);
    });
    const oldWorkers = old.map((worker) => ({ id: worker.id, sessions: sessionsOf(worker) }));
    const total = servers.reduce((sum, { traffic }) => plus(sum, traffic), this.#others);
    const weighted = servers.reduce((sum, { traffic }) => sum + traffic.latencyMs * traffic.requests, 0);
    const latencyMs = total.requests === 0 ? 0 : Math.round(weighted / total.requests);
    const structure = this.#config ? structureOf(this.#config) : '';
    return { structure, file, since: this.#since, servers, oldWorkers, traffic: { ...total, latencyMs } };
  }

  /** The first check that sees the truth comes within an interval, and after as many as its threshold it is believed. */
  #settle(server: Server): void {
    const check = this.#config?.backends.find(({ name }) => name === server.ref.backend)?.check;
    if (server.said.mode === 'maint' || !check) return;
    const { healthy, words } = server.truth;
    const truthMs = this.#clock.monotonic() - server.truthSince;
    if (truthMs < check.intervalMs) return;
    server.said = { ...server.said, lastCheck: words, passed: healthy };
    const believedMs = truthMs - check.intervalMs * (healthy ? check.healthyThreshold : check.unhealthyThreshold);
    const health = healthy ? 'up' : 'down';
    if (believedMs < 0 || health === server.said.health) return;
    const changedAt = wholeSecond(new Date(this.#clock.now().getTime() - believedMs));
    server.said = { ...server.said, health, changedAt };
  }

  #server(ref: ServerRef): Server {
    const server = this.#servers.get(keyOf(ref));
    if (!server) throw failed('set', ref, 'No such server.');
    return server;
  }
}

const sessionsOf = ({ sessions }: OldWorker): number => [...sessions.values()].reduce((sum, n) => sum + n, 0);

const toState = ({ ref, address, port, said, traffic }: Server, oldSessions: number): ServerState => ({
  ...ref,
  address,
  port,
  ...said,
  sessions: traffic.sessions + oldSessions,
  traffic,
});

const plus = (a: Traffic, b: Traffic): Traffic => ({
  requests: a.requests + b.requests,
  failed: a.failed + b.failed,
  errors5xx: a.errors5xx + b.errors5xx,
  latencyMs: 0,
  sessions: a.sessions + b.sessions,
});

const keyOf = ({ backend, server }: ServerRef): string => `${backend}/${server}`;

/** The proxy's own times are whole seconds. */
const wholeSecond = (date: Date): Date => new Date(Math.floor(date.getTime() / 1_000) * 1_000);

const failed = (
  doing: string,
  ref: ServerRef,
  words: string,
  reason: 'EngineError' | 'DependencyNotReady' = 'EngineError',
): PassError => new PassError(reason, `${doing} server ${keyOf(ref)}: ${words}`);
