import { isLoadBalancer } from './types.ts';
import type { LoadBalancer } from './types.ts';
import type { Resource } from '../../api/metadata.ts';
import type { Proxies, ProxyState } from '../../drivers/proxies.ts';
import { targetKey } from './proxy-config.ts';

/** What the load balancer's proxy says now; `undefined` where it says nothing, or there is none. Any daemon may ask. */
export async function proxyStateOf({ status }: LoadBalancer, proxies: Proxies): Promise<ProxyState | undefined> {
  if (status?.containerId === undefined) return undefined;
  const seen = await proxies.state(status.containerId).catch(() => undefined);
  return seen?.state === 'present' ? seen.value : undefined;
}

/** The document with what moves by itself: the sessions of each target, answered on read and never stored. */
export async function withSessions(resource: Resource, proxies: Proxies): Promise<Resource> {
  if (!isLoadBalancer(resource) || !resource.status?.targets?.length) return resource;
  const state = await proxyStateOf(resource, proxies);
  if (!state) return resource;
  const sessions = new Map(state.servers.map((s) => [`${s.backend}/${s.server}`, s.sessions]));
  const targets = resource.status.targets.map((target) => {
    const now = sessions.get(targetKey(target));
    return now === undefined ? target : { ...target, sessions: now };
  });
  const live: LoadBalancer = { ...resource, status: { ...resource.status, targets } };
  return live;
}
