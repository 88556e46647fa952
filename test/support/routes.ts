import Fastify from 'fastify';
import type { ApiContext } from '../../src/http/context.ts';
import type { Permission } from '../../src/http/permissions.ts';
import { registerRoutes } from '../../src/http/server.ts';
import { imagesExtension } from '../../src/operator/images/route.ts';
import { masterKeyExtension } from '../../src/operator/master-key-route.ts';
import { orphansExtension } from '../../src/operator/orphans-route.ts';
import { volumesExtension } from '../../src/operator/volumes/route.ts';
import { World } from '../../src/proof/world.ts';

export interface Route {
  method: string;
  url: string;
  permission: Permission;
}

/** All that are registered, as the daemon registers them. */
export async function allRoutes(): Promise<{ routes: Route[]; upgrades: RegExp[] }> {
  const world = new World();
  const { runtimes } = await world.start();
  const context = { kinds: world.kinds, store: {}, compute: {}, informer: {}, manager: {}, leader: {} } as ApiContext;
  const extensions = [
    ...runtimes.values(),
    orphansExtension,
    imagesExtension,
    volumesExtension,
    masterKeyExtension(() => Promise.reject(new Error('not here'))),
  ];
  const routes: Route[] = [];
  const app = Fastify();
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const each of [method].flat())
      routes.push({ method: each, url, permission: config?.permission as Permission });
  });
  registerRoutes(app, context, extensions);
  await app.ready();
  const upgrades = extensions.flatMap((extension) =>
    'upgrades' in extension ? (extension.upgrades?.(context) ?? []) : [],
  );
  return { routes, upgrades: upgrades.map(({ path }) => path) };
}

/**
 * A path of it: in the namespace, of configmaps, or of instances where the group is ours; `undefined` where it has none,
 * such as a write to a collection over all namespaces.
 */
export function pathIn({ method, url }: Route, namespace: string): string | undefined {
  const isCore = url.startsWith('/api/v1');
  const isWhole = !url.includes(':namespace') && url.includes(':plural') && (url.includes(':name') || method !== 'GET');
  if (isWhole && isCore) return undefined;
  return url
    .replace(':plural', isWhole ? 'apikeys' : isCore ? 'configmaps' : 'instances')
    .replaceAll(/:(\w+)/g, (_, name: string) => (name === 'namespace' ? namespace : 'x'));
}
