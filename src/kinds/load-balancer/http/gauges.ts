import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { isLoadBalancer } from '../types.ts';
import type { LoadBalancer } from '../types.ts';
import { targetKey } from '../proxy-config.ts';
import { proxyStateOf } from '../live-status.ts';
import type { ProxyState, Traffic } from '../../../drivers/proxies.ts';
import type { ApiContext } from '../../../http/context.ts';
import { sharedLook } from '../../../http/shared-look.ts';

const VALUES: readonly (readonly [string, string, (traffic: Traffic) => number])[] = [
  ['requests', 'Requests since HAProxy’s worker began; of a TCP load balancer, connections', (t) => t.requests],
  ['failed_requests', 'Those that got no answer of a target', (t) => t.failed],
  ['errors_5xx', 'Answers with a status of 500 or above', (t) => t.errors5xx],
  ['latency_milliseconds', 'Average of the last 1,024 requests, to the first byte', (t) => t.latencyMs],
  ['sessions', 'Connections at this moment', (t) => t.sessions],
];

interface Seen {
  lb: LoadBalancer;
  state: ProxyState | undefined;
}

/** What goes through each load balancer, and to each of its targets, as HAProxy counts it. */
export function balancerGauges(registry: Registry, context: ApiContext): void {
  const look = sharedLook(context.clock, () => seenOf(context));
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    lines: (seen: Seen) => readonly (readonly [Record<string, string>, number])[],
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['namespace', 'name', ...labelNames],
      registers: [registry],
      async collect() {
        const all = await look();
        this.reset();
        for (const seen of all) {
          const { namespace, name: lb } = seen.lb.metadata;
          for (const [labels, value] of lines(seen)) this.set({ namespace, name: lb, ...labels }, value);
        }
      },
    });
  for (const [name, help, valueOf] of VALUES) {
    gauge(`miniaws_load_balancer_${name}`, help, [], ({ state }) => (state ? [[{}, valueOf(state.traffic)]] : []));
    gauge(`miniaws_target_${name}`, help, ['target_group', 'instance'], (seen) =>
      targetsOf(seen).map(([labels, traffic]) => [labels, valueOf(traffic)]),
    );
  }
}

function targetsOf({ lb, state }: Seen): [Record<string, string>, Traffic][] {
  const servers = new Map((state?.servers ?? []).map((s) => [`${s.backend}/${s.server}`, s.traffic]));
  return (lb.status?.targets ?? []).flatMap((t) => {
    const traffic = servers.get(targetKey(t));
    return traffic ? [[{ target_group: t.targetGroup, instance: t.instance }, traffic]] : [];
  });
}

async function seenOf({ informer, proxies }: ApiContext): Promise<readonly Seen[]> {
  const all = [...informer.view.list('LoadBalancer')].filter(isLoadBalancer);
  return Promise.all(all.map(async (lb) => ({ lb, state: await proxyStateOf(lb, proxies) })));
}
