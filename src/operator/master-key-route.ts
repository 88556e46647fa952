import { API_VERSION } from '../api/metadata.ts';
import type { HttpExtension } from '../http/extension.ts';
import { permits } from '../http/permissions.ts';

/** `POST …/masterkey/rotation`: answers when everything that is stored rests under the new key. */
export const masterKeyExtension = (rotate: () => Promise<{ keyId: string; rows: number }>): HttpExtension => ({
  routes(app, { log }) {
    app.post(
      `/apis/${API_VERSION}/masterkey/rotation`,
      permits('create', { resource: 'masterkey', subresource: 'rotation' }),
      async () => {
        const rotated = await rotate();
        log.info(rotated, 'the master key was rotated');
        return { kind: 'MasterKeyRotation', apiVersion: API_VERSION, metadata: {}, ...rotated };
      },
    );
  },
});
