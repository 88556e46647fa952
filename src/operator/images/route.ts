import type { FastifyInstance } from 'fastify';
import { API_VERSION } from '../../api/metadata.ts';
import type { ApiContext } from '../../http/context.ts';
import type { HttpExtension } from '../../http/extension.ts';
import { imageEntries } from './inventory.ts';
import { PULLED_IMAGES } from './pulled-images.ts';
import { permits } from '../../http/permissions.ts';

/** What images the Engine has, whose they are, and what needs them. */
function routes(app: FastifyInstance, { compute, store }: ApiContext): void {
  app.get(`/apis/${API_VERSION}/images`, permits('list', { resource: 'images' }), async () => {
    const [images, pulled, view] = await Promise.all([
      compute.images(),
      store.beside(PULLED_IMAGES).list(),
      store.current(),
    ]);
    return { kind: 'ImageList', apiVersion: API_VERSION, metadata: {}, items: imageEntries(images, pulled, view) };
  });
}

export const imagesExtension: HttpExtension = { routes };
