import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadBalancer } from '../../src/kinds/load-balancer/types.ts';
import { isReady } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { ScalingGroup } from '../../src/kinds/scaling-group/types.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import { engine } from '../support/engine.ts';
import { manifest, pathOf, vpc } from '../support/manifests.ts';
import { testProxyImage } from '../support/proxy-image.ts';
import { eventually } from '../support/wait.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { atLeast, atMost } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import type { ClientCounts, ClientOrders } from './web-clients.ts';
import type { Workshop } from './workshop.ts';

const CLIENTS = fileURLToPath(new URL('web-clients.ts', import.meta.url));
/** Below the range from which the system gives out ports by itself. */
const PORT = 28_790;
const [FEW, MANY, CYCLES] = [2, 10, 5];
const REQUESTS = 1_000_000;
const ORDERS: ClientOrders = { port: PORT, keepAlive: 16, closing: 8 };
const LIMIT_MS = 120_000;
const LONG_MS = 900_000;

/** A server that costs the machine little: HAProxy itself, which answers by itself, and ends at SIGTERM as it is. */
const SERVER = `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend web
  bind *:80
  http-request return status 200 content-type text/plain string hello`;

/** As the first process of a container HAProxy does not hear SIGTERM: a shell stands before it. */
const RUN = 'echo "$CONFIG" >/tmp/server.cfg; haproxy -db -f /tmp/server.cfg & trap "kill $!; exit" TERM; wait $!';

/**
 * A million requests through a load balancer while its group goes 2 -> 10 -> 2 five times, rolls once, and one of its
 * instances gets a SIGTERM. What failed is told by two: the clients, and HAProxy, which logs each request that did not
 * end well with its server and its termination state.
 */
export const hitless: Benchmark = {
  name: 'hitless',
  async run(workshop) {
    await workshop.engine();
    const site = await Site.open(workshop);
    const before = await site.proxy();
    const began = performance.now();
    const clients = fork(CLIENTS, { execArgv: ['--import', 'tsx'] });
    workshop.atEnd(() => void clients.kill('SIGKILL'));
    clients.send(ORDERS);
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      await site.scale(MANY);
      await site.scale(FEW);
    }
    await site.roll();
    const killed = await site.kill();
    await eventually('a million requests', async () => (await answered(clients)) >= REQUESTS, LONG_MS);
    const seconds = (performance.now() - began) / 1_000;
    const counts = await stopped(clients);
    const after = await site.proxy();
    return figures({ counts, seconds, killed, before, after, log: await site.log() });
  },
};

async function told(clients: ChildProcess, message: 'count' | 'stop'): Promise<ClientCounts> {
  clients.send(message);
  const [counts] = (await once(clients, 'message')) as [ClientCounts];
  return counts;
}
const total = ({ answered: { keepAlive, closing } }: ClientCounts): number => keepAlive + closing;
const answered = async (clients: ChildProcess): Promise<number> => total(await told(clients, 'count'));
const stopped = (clients: ChildProcess): Promise<ClientCounts> => told(clients, 'stop');

/** As the product has HAProxy write it: client, time, frontend, backend/server, timers, status, bytes, termination state. */
const LOGGED = /\d+\.\d+\.\d+\.\d+:\d+ \[[^\]]+\] \S+ (\S+) \S+ (\S+) \S+ (\S{4}) /g;

interface Logged {
  server: string;
  status: string;
  state: string;
}

interface Killed {
  /** How HAProxy's name of it begins. */
  server: string;
  /** From the signal until its process ran again, milliseconds since the epoch. */
  from: number;
  until: number;
}

interface Proxy {
  /** Its worker: another one has other counters. */
  pid: string;
  requests: number;
  /** Requests that broke at a server, by its name; those of a server that was taken out are forgotten. */
  broken: ReadonlyMap<string, number>;
}

class Site {
  readonly #workshop: Workshop;
  readonly #daemon: TestDaemon;
  readonly #image: string;

  static async open(workshop: Workshop): Promise<Site> {
    const daemon = await workshop.daemon({ engine: 'docker' });
    const site = new Site(workshop, daemon, await testProxyImage(engine));
    await site.#apply(vpc('net', { cidrBlock: '10.216.80.0/24' }), site.#group('first'), balancer);
    await site.#settled(FEW);
    return site;
  }

  private constructor(workshop: Workshop, daemon: TestDaemon, image: string) {
    this.#workshop = workshop;
    this.#daemon = daemon;
    this.#image = image;
  }

  async scale(count: number): Promise<void> {
    await this.#workshop.miniaws(this.#daemon, 'scale', 'web', String(count));
    await this.#settled(count);
  }

  async roll(): Promise<void> {
    await this.#apply(this.#group('second'));
    await this.#settled(FEW);
  }

  /** SIGTERM to the process of one instance, by hand. */
  async kill(): Promise<Killed> {
    const lb = await this.#get<LoadBalancer>('loadbalancers', 'front');
    const target = lb.status?.targets?.[0];
    const container = (await this.#containers()).find((c) => c.Labels[LABEL.uid] === target?.uid);
    if (!target || !container) throw new Error('there is no instance to kill');
    const handle = engine.getContainer(container.Id);
    const { StartedAt } = (await handle.inspect()).State;
    const from = Date.now();
    await handle.kill({ signal: 'SIGTERM' });
    await eventually('its process to be started again', async () => {
      const { State } = await handle.inspect();
      return State.Running && State.StartedAt !== StartedAt;
    });
    const until = Date.now();
    await this.#settled(FEW);
    return { server: `app/${target.instance}-`, from, until };
  }

  async proxy(): Promise<Proxy> {
    const info = await this.#toHaproxy('show info');
    const stat = await this.#toHaproxy('show stat');
    const [head = '', ...rows] = stat.split('\n').filter((line) => line.includes(','));
    const names = head.replace(/^# /, '').split(',');
    const table = rows.map((row) => new Map(row.split(',').map((value, i) => [names[i], value])));
    const frontend = table.find((row) => row.get('svname') === 'FRONTEND');
    const servers = table.filter((row) => row.get('pxname') === 'app' && row.get('svname') !== 'BACKEND');
    return {
      pid: /^Pid: (\d+)$/m.exec(info)?.[1] ?? '',
      requests: Number(frontend?.get('req_tot')),
      broken: new Map(servers.map((row) => [`app/${row.get('svname')}`, Number(row.get('eresp'))])),
    };
  }

  /** What HAProxy has logged: requests that did not end well. */
  async log(): Promise<Logged[]> {
    const container = engine.getContainer(await this.#proxyId());
    const text = (await container.logs({ stdout: true, stderr: true, follow: false })).toString('latin1');
    return [...text.matchAll(LOGGED)].map(([, server = '', status = '', state = '']) => ({ server, status, state }));
  }

  async #apply(...documents: ReturnType<typeof manifest>[]): Promise<void> {
    const file = await this.#workshop.manifests('site', documents);
    await this.#workshop.miniaws(this.#daemon, 'apply', '-f', file);
  }

  #group(text: string): ReturnType<typeof manifest> {
    const command = ['sh', '-c', RUN];
    return manifest('ScalingGroup', 'web', {
      vpc: 'net',
      minInstances: FEW,
      maxInstances: MANY,
      strategy: { minReadySeconds: 0 },
      healthCheckGracePeriod: '1s',
      template: {
        spec: { image: this.#image, command, user: '0', env: { CONFIG: SERVER, TEXT: text }, stopGracePeriod: '2s' },
      },
    });
  }

  async #get<R extends Resource>(plural: 'scalinggroups' | 'loadbalancers', name: string): Promise<R> {
    return this.#daemon.client.get<R>(pathOf(plural, name));
  }

  /** The group has so many, all of them are targets and healthy, and nothing is left to do. */
  async #settled(count: number): Promise<void> {
    await eventually(
      `${count} instances behind the load balancer`,
      async () => {
        this.#workshop.signal.throwIfAborted();
        const group = await this.#get<ScalingGroup>('scalinggroups', 'web');
        const lb = await this.#get<LoadBalancer>('loadbalancers', 'front');
        const states = lb.status?.targets?.map((t) => t.state) ?? [];
        const { availableCount, updatedCount, effective } = group.status ?? {};
        const counts = [availableCount, updatedCount, effective?.desiredCount, states.length];
        if (!isReady(group) || !isReady(lb) || counts.some((n) => n !== count))
          throw new Error(JSON.stringify([group.status?.conditions, lb.status]));
        return states.every((state) => state === 'Healthy') && (await this.#containers()).length === count + 1;
      },
      LIMIT_MS,
    );
  }

  #containers() {
    const label = [`${LABEL.installation}=${this.#workshop.installation}`];
    return engine.listContainers({ all: true, filters: { label } });
  }

  async #proxyId(): Promise<string> {
    const found = (await this.#containers()).find((c) => c.Labels[LABEL.kind] === 'LoadBalancer');
    if (!found) throw new Error('the load balancer has no container');
    return found.Id;
  }

  async #toHaproxy(command: string): Promise<string> {
    const Cmd = ['sh', '-c', `echo '${command}' | nc 127.0.0.1 9999`];
    const exec = await engine.getContainer(await this.#proxyId()).exec({ Cmd, Tty: true, AttachStdout: true });
    let text = '';
    for await (const chunk of await exec.start({ Tty: true })) text += String(chunk);
    return text.replaceAll('\r', '');
  }
}

const balancer = manifest('LoadBalancer', 'front', {
  vpc: 'net',
  listeners: [{ port: PORT }],
  targetGroups: [{ name: 'app', scalingGroup: 'web', targetPort: 80 }],
  healthCheck: { path: '/', interval: '500ms', timeout: '2s', healthyThreshold: 1 },
  deregistrationDelay: '5s',
});

interface Findings {
  counts: ClientCounts;
  seconds: number;
  killed: Killed;
  before: Proxy;
  after: Proxy;
  log: readonly Logged[];
}

function figures({ counts, seconds, killed, before, after, log }: Findings): Figure[] {
  const { keepAlive, closing } = counts.answered;
  const requests = keepAlive + closing;
  // One that was sent to another server after the first took no connection is logged as well, and was answered.
  const failures = log.filter(({ status, state }) => status !== '200' || !state.startsWith('--'));
  const ofKilled = failures.filter(({ server }) => server.startsWith(killed.server));
  const others = failures.filter(({ server }) => !server.startsWith(killed.server));
  // Under a later request of a kept connection HAProxy ends that connection without a word, in its log too, and leaves it
  // to the client to ask again; its counters know of a part. The clients know when, and the counters that it was nowhere else.
  const inFlight = counts.failures.filter(({ at }) => at >= killed.from && at <= killed.until).length;
  const broken = [...after.broken].filter(([, count]) => count > 0);
  const elsewhere = broken.filter(([server]) => !server.startsWith(killed.server));
  const atKilled = broken.filter(([server]) => server.startsWith(killed.server)).reduce((sum, [, n]) => sum + n, 0);
  const failed = counts.failures.length - inFlight + elsewhere.reduce((sum, [, count]) => sum + count, 0);
  const counted = after.requests - before.requests;
  const isSame = before.pid === after.pid;
  const states = [...new Set(ofKilled.map(({ state }) => state))].join(' ');
  const told = counts.failures.slice(0, 5).map((f) => `${f.sort} ${f.what}`);
  return [
    {
      name: 'hitless',
      value: failed + others.length,
      unit: 'failed requests',
      samples: requests,
      goal: atMost(failed + others.length, 0, '0'),
      note: `of ${requests}, ${closing} of them on connections of their own${[...told, ...others.slice(0, 5).map((l) => `${l.server} ${l.status} ${l.state}`)].map((t) => `; ${t}`).join('')}`,
    },
    {
      name: 'hitless/killed',
      value: inFlight,
      unit: 'requests',
      samples: requests,
      goal: { words: "none broke at another, by HAProxy's eresp", met: elsewhere.length === 0 },
      note: `in flight on the server that got SIGTERM, where ${atKilled} broke by HAProxy's count; ${ofKilled.length} of them logged${states ? `, termination state ${states}` : ''}`,
    },
    {
      name: 'hitless/requests',
      value: requests,
      unit: 'requests',
      samples: 1,
      goal: atLeast(requests, REQUESTS, `>= ${REQUESTS}`),
      note: `${Math.round(requests / seconds)} a second`,
    },
    {
      name: 'hitless/difference',
      value: counted - requests - counts.failures.length,
      unit: 'requests',
      samples: requests,
      goal: {
        words: "0: HAProxy's count and the clients' agree",
        met: isSame && counted === requests + counts.failures.length,
      },
      note: isSame ? `HAProxy counted ${counted}, without a reload` : 'HAProxy was reloaded',
    },
  ];
}
