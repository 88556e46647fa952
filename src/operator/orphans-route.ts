import type { FastifyInstance } from 'fastify';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { API_VERSION } from '../api/metadata.ts';
import { StatusError } from '../base/errors.ts';
import type { Owned } from '../drivers/compute.ts';
import { findOrphans } from './orphans.ts';
import type { ApiContext } from '../http/context.ts';
import type { HttpExtension } from '../http/extension.ts';
import { permits } from '../http/permissions.ts';

/**
 * What bears this installation's mark and belongs to no document. It is shown, and removed by this explicit call only:
 * an empty or restored database deletes nothing.
 */
function routes(app: FastifyInstance, context: ApiContext): void {
  const orphans = async (): Promise<readonly Owned[]> => {
    const found = await findOrphans(context.compute, await context.store.current(), context.installation);
    if (found.state === 'unobservable') throw new StatusError('ServiceUnavailable', found.why);
    return found.state === 'present' ? found.value : [];
  };
  app.get(`/apis/${API_VERSION}/orphans`, permits('list', { resource: 'orphans' }), async () => ({
    kind: 'OrphanList',
    apiVersion: API_VERSION,
    metadata: {},
    items: await orphans(),
  }));
  app.delete(`/apis/${API_VERSION}/orphans/:type/:id`, permits('delete', { resource: 'orphans' }), async (request) => {
    const { type = '', id = '' } = request.params as { type?: string; id?: string };
    const orphan = (await orphans()).find((o) => o.type === type && o.id === id);
    if (!orphan) throw new StatusError('NotFound', `no orphan ${type} ${id}: it is gone, or a document owns it`);
    if (orphan.type === 'container') await context.compute.removeContainer(orphan.id);
    else if (orphan.type === 'network') await context.compute.removeNetwork(orphan.id);
    else await context.compute.removeVolume(orphan.name);
    context.log.info({ type, id, name: orphan.name }, 'orphan removed by request');
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: orphan.name, kind: type },
    };
  });
}

function gauges(registry: Registry, context: ApiContext): void {
  const { compute, informer, installation } = context;
  new Gauge({
    name: 'miniaws_orphans',
    help: 'Objects with our mark that no document owns',
    registers: [registry],
    async collect() {
      const found = await findOrphans(compute, informer.view, installation).catch(() => undefined);
      this.set(found?.state === 'present' ? found.value.length : 0);
    },
  });
}

export const orphansExtension: HttpExtension = { routes, gauges };
