import type { FastifyInstance } from 'fastify';
import { replace } from '../../../admission/operations.ts';
import type { RawDocument } from '../../../admission/admit.ts';
import { StatusError } from '../../../base/errors.ts';
import { isAuthentic, pushOf } from '../../../drivers/git/webhook.ts';
import type { Push } from '../../../drivers/git/webhook.ts';
import { FailureLimit } from '../../../http/failure-limit.ts';
import type { ApiContext } from '../../../http/context.ts';
import { isSecret } from '../../secret/types.ts';
import { isGitSync, SYNC_AT } from '../types.ts';
import type { GitSync } from '../types.ts';

/** Field manager of what a webhook has asked for. */
const MANAGER = 'gitsync-webhook';
/** Bytes: what forges send of a push is smaller. */
const MOST = 1 << 20;
/** Keys of the Secret under which its text may be. */
const KEYS = ['secret', 'token', 'password'];

/**
 * `POST /hooks/git/NAMESPACE/NAME`: a forge tells of a push. Who knows the secret of `spec.webhook` may, and nobody hears
 * whether there is such a sync. It asks for a look by an annotation, so that any daemon may be told.
 */
export function webhookRoute(app: FastifyInstance, context: ApiContext): void {
  const failures = new FailureLimit(context.clock);
  app.post(
    '/hooks/git/:namespace/:name',
    { config: { permission: 'anonymous' }, bodyLimit: MOST },
    async (request, reply) => {
      const { namespace = '', name = '' } = request.params as { namespace?: string; name?: string };
      const view = await context.store.current();
      const found = view.get({ kind: 'GitSync', namespace, name });
      const sync = found && isGitSync(found) ? found : undefined;
      const secret = view.get({ kind: 'Secret', namespace, name: sync?.spec.webhook ?? '' });
      const text = secret && isSecret(secret) ? textIn(secret.data ?? {}) : '';
      const sent = { headers: request.headers, body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0) };
      if (!isAuthentic(sent, text) || !sync) {
        failures.failed(request.raw.socket.remoteAddress ?? '', undefined);
        throw new StatusError('Unauthorized', 'the signature is missing, or not that of the webhook’s secret');
      }
      const push = pushOf(sent);
      if (!push || !concerns(sync, push))
        return { synced: false, why: 'it tells of no push to what this sync follows' };
      await askForLook(sync, context);
      void reply.code(202);
      return { synced: true };
    },
  );
}

function textIn(data: Readonly<Record<string, string>>): string {
  const key = KEYS.find((each) => Object.hasOwn(data, each));
  return key === undefined
    ? ''
    : Buffer.from(data[key] ?? '', 'base64')
        .toString('utf8')
        .trim();
}

/** A tag may be in a range, and the default branch may be any. */
function concerns({ spec: { ref } }: GitSync, push: Push): boolean {
  if (ref.branch !== undefined) return push.branch === ref.branch;
  if (ref.tag !== undefined) return push.tag === ref.tag;
  return ref.commit === undefined;
}

async function askForLook(sync: GitSync, { store, kinds, settings, clock }: ApiContext): Promise<void> {
  const kind = kinds.must('GitSync');
  const { namespace, name, uid } = sync.metadata;
  await store.commit({
    decide: (view) => {
      const old = view.get({ kind: 'GitSync', namespace, name });
      if (old?.metadata.uid !== uid) return {};
      const annotations = { ...old.metadata.annotations, [SYNC_AT]: clock.now().toISOString() };
      const next = { ...old, metadata: { ...old.metadata, annotations } } as unknown as RawDocument;
      const write = { settings, now: clock.now(), fieldValidation: 'Strict' as const, warnings: [], manager: MANAGER };
      return { put: [replace(kind, next, old, view, write)] };
    },
  });
}
