import { MACHINE, RECORDS } from '../../api/roles.ts';
import type { KindRegistry } from '../../api/registry.ts';
import { anyController } from '../../engine/steps.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import { KeyAuthenticator } from './authenticator.ts';
import { apiKeyController } from './controller.ts';
import { tokenRoutes } from './http/token.ts';
import { LAST_USES } from './last-uses.ts';
import { adoptOldTokens } from './machine-key.ts';
import { KeySigning } from './s3-keys.ts';
import { isApiKey } from './types.ts';

export { machineToken } from './machine-key.ts';

/** Uses of keys are written so often: reads are no writes. */
const NOTE_EVERY_MS = 60_000;

export const createRuntime: CreateRuntime = ({ store, kinds, clock, mac }) => {
  const authenticator = new KeyAuthenticator(store, kinds, clock);
  const signing = new KeySigning(store, authenticator, mac);
  return {
    controller: anyController(apiKeyController(knownResources(kinds), clock)),
    prepare: () => adoptOldTokens(store, clock),
    authenticators: () => [authenticator],
    routes: (app, context) => tokenRoutes(app, context, authenticator),
    s3: () => ({ keys: signing }),
    chores: [
      {
        name: 'uses of keys',
        everyMs: NOTE_EVERY_MS,
        byEach: true,
        async run() {
          const uses = authenticator.takeUses();
          if (uses.size > 0) await store.beside(LAST_USES).note(uses);
        },
      },
    ],
    async live(resource) {
      if (!isApiKey(resource)) return resource;
      const { uid } = resource.metadata;
      const at = authenticator.lastUse(uid) ?? (await store.beside(LAST_USES).known(uid)).get(uid);
      return at === undefined ? resource : { ...resource, status: { ...resource.status, lastUsed: at.toISOString() } };
    },
  };
};

const knownResources = (kinds: KindRegistry): ReadonlySet<string> =>
  new Set([...kinds.all.map(({ plural }) => plural), ...RECORDS, ...MACHINE, 'users', 'auditevents', 'masterkey']);
