import type { FastifyInstance } from 'fastify';
import { API_VERSION } from '../../api/metadata.ts';
import type { ApiContext } from '../../http/context.ts';
import type { HttpExtension } from '../../http/extension.ts';
import { volumeEntries, volumeUsers } from './inventory.ts';
import { VOLUME_USES } from './volume-uses.ts';
import { permits } from '../../http/permissions.ts';

/** What named volumes there are, and who mounts them or did last. */
function routes(app: FastifyInstance, { compute, store, installation }: ApiContext): void {
  app.get(`/apis/${API_VERSION}/volumes`, permits('list', { resource: 'volumes' }), async () => {
    const [volumes, uses, view] = await Promise.all([
      compute.volumes(),
      store.beside(VOLUME_USES).list(),
      store.current(),
    ]);
    const items = volumeEntries(volumes, uses, volumeUsers(view, installation));
    return { kind: 'VolumeList', apiVersion: API_VERSION, metadata: {}, items };
  });
}

export const volumesExtension: HttpExtension = { routes };
