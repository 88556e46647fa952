import type { Observed } from '../base/observed.ts';

/**
 * The seam to the proxies that run inside the containers of load balancers. Implementations: `haproxy/` (HAProxy, over
 * the files and commands of a `Compute`) and `simulated/` (in memory, with the same answers).
 *
 * Promises of every implementation:
 * - What is observed is what the proxy itself says. One whose container does not run is `absent`; one that runs and
 *   does not answer is `unobservable` (I4).
 * - Every call is repeatable: a server that is there is added, one that is gone is removed (I3).
 * - Membership changes break no connection and reload nothing; a reload hands its sockets over and lets the sessions
 *   of the old worker end by themselves, within the configuration's `drainMs`. An old worker sends no server a new
 *   request: what still comes in on its connections goes to the worker of now.
 * - Failures are `PassError`s; every call ends within its deadline.
 */
export interface Proxies {
  state(containerId: string): Promise<Observed<ProxyState>>;

  /** Puts the configuration's file into the container, which need not run. What runs goes on as it is. */
  store(containerId: string, config: ProxyConfig): Promise<void>;
  /** What the proxy says against a configuration, in its own words; `undefined`: nothing. Changes nothing. */
  complaint(containerId: string, config: ProxyConfig): Promise<string | undefined>;
  /** Takes up the stored configuration. Resolves when it is the one that answers. What is known of its servers stays known. */
  reload(containerId: string): Promise<void>;

  /** Adds it ready; it gets its first request when its health check has succeeded. */
  addServer(containerId: string, server: ServerRef, at: { address: string; port: number }): Promise<void>;
  /**
   * `drain`: keeps its sessions, gets no new ones but from clients whose sticky cookie names it. `maint`: gets nothing
   * new and is not checked; its sessions end by themselves. `ready` after it: as one that is added.
   */
  setServer(containerId: string, server: ServerRef, mode: ServerMode): Promise<void>;
  /** Breaks off the connections that it still serves, those of old workers too. */
  endSessions(containerId: string, server: ServerRef): Promise<void>;
  /** Only in `maint` and without sessions: else `DependencyNotReady`. */
  removeServer(containerId: string, server: ServerRef): Promise<void>;
  /** Ends a worker that a reload has left, with all its connections. One that is gone counts as ended. */
  endWorker(containerId: string, id: string): Promise<void>;

  /** Lets go of the connections to the containers. */
  close(): void;
}

/** The calls that change the world: counted, guarded and disturbed like those of `Compute`. */
export const MUTATING_PROXY: ReadonlySet<string> = new Set<keyof Proxies>([
  'store',
  'reload',
  'addServer',
  'setServer',
  'endSessions',
  'removeServer',
  'endWorker',
]);

export interface ServerRef {
  backend: string;
  server: string;
}

export type ServerMode = 'ready' | 'drain' | 'maint';

export interface ProxyState {
  /** `structureOf` of the configuration that runs, as the proxy tells it; empty when it is none of ours. */
  structure: string;
  /** `fileOf` of the stored file as it is now; empty when it is missing. */
  file: string;
  /** When this worker began; counters count from here. */
  since: Date;
  servers: readonly ServerState[];
  /** The oldest first. `undefined`: a container of before, whose old workers cannot be looked at. */
  oldWorkers: readonly OldWorker[] | undefined;
  /** Of all listeners together, since the worker began. */
  traffic: Traffic;
}

/** What a reload left to its connections: it gets no new ones. */
export interface OldWorker {
  id: string;
  /** Connections that servers still serve through it. */
  sessions: number;
}

export interface ServerState extends ServerRef {
  address: string;
  port: number;
  mode: ServerMode;
  /**
   * By the proxy's own health check; in `maint`, down. One that is in the file when the container starts is up until its
   * first check; one that was added, or is back from `maint`, is down until its checks have succeeded.
   */
  health: 'up' | 'down';
  /** When `health` or `mode` last changed, to the second. */
  changedAt: Date;
  /** Those of old workers too. */
  sessions: number;
  /** The result of the last check, in the proxy's words: `L4CON: connection refused`. Empty: there was none. */
  lastCheck: string;
  /** Whether that one succeeded: of a server that is down, so many in a row bring it up. */
  passed: boolean;
  traffic: Traffic;
}

/** Counters that only grow while a worker lives, and the recent latency. */
export interface Traffic {
  /** Requests; of a TCP proxy, sessions. */
  requests: number;
  /** Those that got no answer of a server: refused, no server, connection or response error. */
  failed: number;
  /** Answers with a status of 500 or above, the proxy's own among them. */
  errors5xx: number;
  /** Milliseconds, average of the last 1,024 requests to the answer's first byte; of a TCP proxy, to the connection. */
  latencyMs: number;
  /** Connections at this moment. */
  sessions: number;
}

/** What a proxy does, in our nouns. Names are `[a-z0-9.-]`, unique in their list; admission has bounded everything. */
export interface ProxyConfig {
  mode: 'http' | 'tcp';
  listeners: readonly ProxyListener[];
  backends: readonly ProxyBackend[];
  /** Where the proxy's admin interface listens, on its own loopback; no listener has this port. */
  adminPort: number;
  /** IPv4 ranges of proxies whose word on their own clients holds (`X-Forwarded-…`); http only. */
  trustedProxies: readonly string[];
  /** A connection on which nothing is said for so long is closed. */
  idleTimeoutMs: number;
  /** The same of one that was switched to another protocol, as a web socket; http only. */
  tunnelTimeoutMs: number;
  /** Together; beyond it, connections wait in the kernel's queue. */
  maxConnections: number;
  /** How long the sessions of an old worker may last after a reload. */
  drainMs: number;
}

export interface ProxyListener {
  name: string;
  /** Inside the container. */
  port: number;
  /** Reads the PROXY protocol from whoever connects. */
  acceptProxy: boolean;
  /** The first that matches decides; http only. */
  rules: readonly { host?: string; pathPrefix?: string; backend: string }[];
  /** Without one, an http listener answers 503 to what no rule matches. */
  defaultBackend?: string;
}

export interface ProxyBackend {
  name: string;
  algorithm: 'roundRobin' | 'leastConn' | 'source';
  check: ProxyCheck;
  /** A cookie's name; http only. The same client gets the same server while it is up. */
  stickyCookie?: string;
  /** Speaks the PROXY protocol (version 2) to the servers. */
  sendProxy: boolean;
  servers: readonly { name: string; address: string; port: number }[];
}

interface ProxyCheck {
  /** A GET; without it, a TCP connection. */
  http?: { path: string; expectedStatus: number };
  intervalMs: number;
  timeoutMs: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
}
