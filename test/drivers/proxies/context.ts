import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import type { Compute, Container, ContainerSpec, Network, Owner } from '../../../src/drivers/compute.ts';
import { PROXY_COMMAND, PROXY_STOP_SIGNAL } from '../../../src/drivers/haproxy/configuration.ts';
import { engineName } from '../../../src/drivers/labels.ts';
import type {
  Proxies,
  ProxyBackend,
  ProxyConfig,
  ProxyState,
  ServerRef,
  ServerState,
} from '../../../src/drivers/proxies.ts';

export interface ProxySubject {
  compute: Compute;
  proxies: Proxies;
  /** Another driver over the same containers, as a daemon started anew has. */
  another(): Proxies;
  /** With the proxy, and with a small web server. */
  images: { proxy: string; web: string };
  /** 10.213.2xx: no other test's. */
  range: string;
  /** What clients and people with a shell do. */
  hands: {
    /** Opens a connection that a server of `hold` keeps open; the answer ends it. */
    hold(proxy: Container, ref: ServerRef): Promise<() => void>;
    /** The proxy's process ends as if by a fault of its own: the restart policy applies. */
    crash(id: string): Promise<void>;
    /** Its admin interface says nothing any more. */
    silence(id: string): Promise<void>;
    tamper(id: string, path: string): Promise<void>;
    addByHand(id: string, ref: ServerRef, at: { address: string; port: number }): Promise<void>;
    setByHand(id: string, ref: ServerRef, mode: 'drain'): Promise<void>;
    /** From now on it refuses what it is given: answers a configuration that says so. */
    refusing(id: string, config: ProxyConfig): ProxyConfig;
  };
  close(): Promise<void>;
}

export const WEB_PORT = 8080;
export const HOLD_PORT = 8081;

export interface ProxyContext {
  readonly subject: ProxySubject;
  readonly compute: Compute;
  readonly proxies: Proxies;
  readonly network: Network;
  /**
   * A web server on port 80, whose page says its name; on port 81 it takes connections and never answers; on port 82 it
   * switches to a protocol in which it says what it is told.
   */
  readonly web: (name?: string) => Promise<Container>;
  /** A container with the proxy, not started. */
  readonly made: (config: ProxyConfig) => Promise<Container>;
  /** One that answers. */
  readonly started: (config: ProxyConfig, command?: readonly string[]) => Promise<Container>;
  readonly state: (id: string) => Promise<ProxyState>;
  readonly server: (id: string, ref: ServerRef) => Promise<ServerState | undefined>;
}

/** Opens the subject before the first test of this `describe` and closes it after the last. */
export function proxyContext(open: () => Promise<ProxySubject>): ProxyContext {
  let subject: ProxySubject;
  let network: Network;
  let hosts = 10;

  const owner = (kind: string): Owner => ({ uid: randomUUID(), kind, namespace: 'proxies', name: 'lb', generation: 1 });
  const spec = (
    kind: string,
    more: Pick<ContainerSpec, 'image' | 'command'> & Partial<ContainerSpec>,
  ): ContainerSpec => {
    const by = owner(kind);
    return {
      owner: by,
      specHash: '',
      name: engineName(by),
      hostname: by.name,
      env: {},
      labels: {},
      ports: [],
      mounts: [],
      attachment: { networkId: network.id, address: network.gateway.replace(/\.1$/, `.${hosts++}`), aliases: [] },
      stopGraceMs: 1_000,
      logs: { maxBytes: 1_000_000, maxFiles: 1 },
      restart: 'unless-stopped',
      ...more,
    };
  };
  const web = async (name = 'web') => {
    const servers = ['/bin/serve', `nc -ll -p 82 -e sh -c '${ECHO}'`, 'exec nc -ll -p 81 -e sleep 1000'];
    const command = ['sh', '-c', servers.join(' & ')];
    const { id, owner: by } = await subject.compute.createContainer(
      spec('Instance', { image: subject.images.web, command, env: { MINIAWS_INSTANCE: name } }),
    );
    await subject.compute.startContainer(id);
    return one(by.uid);
  };
  const made = async (config: ProxyConfig, command = PROXY_COMMAND) => {
    const container = await subject.compute.createContainer(
      spec('LoadBalancer', {
        image: subject.images.proxy,
        command,
        stopSignal: PROXY_STOP_SIGNAL,
      }),
    );
    await subject.proxies.store(container.id, config);
    return container;
  };
  const started = async (config: ProxyConfig, command?: readonly string[]) => {
    const { id, owner: by } = await made(config, command);
    await subject.compute.startContainer(id);
    return one(by.uid);
  };
  const one = (uid: string): Container => {
    const observed = subject.compute.containers(uid);
    if (observed.state !== 'present') throw new Error(JSON.stringify(observed));
    return observed.value[0]!;
  };
  const state = async (id: string) => {
    const observed = await subject.proxies.state(id);
    if (observed.state !== 'present') throw new Error(JSON.stringify(observed));
    return observed.value;
  };

  beforeAll(async () => {
    subject = await open();
    await subject.compute.open();
    network = await subject.compute.createNetwork({
      owner: owner('VPC'),
      name: `proxies-${randomUUID().slice(0, 8)}`,
      cidrBlock: `${subject.range}.0/24`,
      gateway: `${subject.range}.1`,
      internal: false,
    });
  });
  afterAll(() => subject?.close());

  return {
    get subject() {
      return subject;
    },
    get compute() {
      return subject.compute;
    },
    get proxies() {
      return subject.proxies;
    },
    get network() {
      return network;
    },
    web,
    made,
    started,
    state,
    server: async (id, ref) =>
      (await state(id)).servers.find((s) => s.backend === ref.backend && s.server === ref.server),
  };
}

/** In a shell's single quotes. */
const ECHO =
  'printf "HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n"; exec cat';

export const addressOf = (container: Container): string => container.attachments[0]!.address;

/** Servers of `app` by name, each a web server's address. */
export function config(servers: Record<string, string>, more: Partial<ProxyConfig> = {}): ProxyConfig {
  const check = { intervalMs: 300, timeoutMs: 500, healthyThreshold: 1, unhealthyThreshold: 2 };
  const backend = { algorithm: 'roundRobin', check, sendProxy: false, servers: [] } as const;
  const app: ProxyBackend = {
    ...backend,
    name: 'app',
    check: { ...check, http: { path: '/', expectedStatus: 200 } },
    servers: Object.entries(servers).map(([name, address]) => ({ name, address, port: 80 })),
  };
  return {
    mode: 'http',
    listeners: [
      { name: 'web', port: WEB_PORT, acceptProxy: false, rules: [], defaultBackend: 'app' },
      { name: 'hold', port: HOLD_PORT, acceptProxy: false, rules: [], defaultBackend: 'hold' },
    ],
    backends: [app, { ...backend, name: 'hold' }],
    adminPort: 9_900,
    trustedProxies: [],
    idleTimeoutMs: 60_000,
    tunnelTimeoutMs: 60_000,
    maxConnections: 500,
    drainMs: 20_000,
    ...more,
  };
}
