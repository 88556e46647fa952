import type { FastifyInstance } from 'fastify';
import { API_VERSION } from '../../../api/metadata.ts';
import { notFound } from '../../../admission/operations.ts';
import { StatusError } from '../../../base/errors.ts';
import { parseDuration } from '../../../base/quantity.ts';
import { commitFor } from '../../../http/audit.ts';
import { authorOf } from '../../../http/author.ts';
import { asDocument, parseBody } from '../../../http/body.ts';
import type { ApiContext } from '../../../http/context.ts';
import { permits } from '../../../http/permissions.ts';
import type { KeyAuthenticator } from '../authenticator.ts';
import { apiKeyKind } from '../definition.ts';
import { LAST_USES } from '../last-uses.ts';
import { rotated } from '../tokens.ts';
import { isApiKey } from '../types.ts';

/** How long the token before goes on working, where the request does not say. */
const GRACE = '1h';
/** Milliseconds. */
const LONGEST_GRACE_MS = 30 * 24 * 3_600_000;
const ROOT = `/apis/${API_VERSION}`;

/**
 * `POST …/apikeys/NAME/token` with `{"spec": {"gracePeriod": "1h"}}`: a new token, answered this once; those before it
 * work for the grace period, 0s being none.
 * `GET …/apikeyuses`: when each key was last used.
 */
export function tokenRoutes(app: FastifyInstance, context: ApiContext, keys: KeyAuthenticator): void {
  const { kinds, clock, store } = context;
  app.post(
    `${ROOT}/apikeys/:name/token`,
    permits('create', { resource: 'apikeys', subresource: 'token' }),
    async (request, reply) => {
      const { name = '' } = request.params as { name?: string };
      const body = asDocument(parseBody(request.body, request.headers['content-type']) ?? {});
      const graceMs = graceOf(body);
      let token: string | undefined;
      const committed = await commitFor(
        request,
        context,
        {
          decide: (view) => {
            const key = view.get({ kind: apiKeyKind.kind, namespace: '', name });
            if (!key || !isApiKey(key)) throw notFound(kinds.must(apiKeyKind.kind), name);
            if (key.metadata.deletionTimestamp !== undefined)
              throw new StatusError('Conflict', `ApiKey ${name} is being deleted: make another one`);
            // Who gets the token can do what the key may.
            authorOf(request.credential, kinds).checkGrants(kinds.must(apiKeyKind.kind), key);
            const next = rotated(key, graceMs, clock.now());
            ({ token } = next);
            return { put: [next.key] };
          },
        },
        () => 201,
      );
      void reply.code(201);
      const { uid, resourceVersion } = committed.resources[0]?.metadata ?? {};
      return {
        kind: 'ApiKeyToken',
        apiVersion: API_VERSION,
        metadata: { name, uid, resourceVersion },
        status: { token },
      };
    },
  );
  app.get(`${ROOT}/apikeyuses`, permits('list', { resource: 'apikeys' }), async () => {
    const stored = await store.beside(LAST_USES).known();
    const items = (await store.current()).list(apiKeyKind.kind).flatMap(({ metadata: { name, uid } }) => {
      const at = keys.lastUse(uid) ?? stored.get(uid);
      return at === undefined ? [] : [{ metadata: { name, uid }, lastUsed: at.toISOString() }];
    });
    return { kind: 'ApiKeyUseList', apiVersion: API_VERSION, metadata: {}, items };
  });
}

function graceOf({ spec }: Record<string, unknown>): number {
  const given = (spec as { gracePeriod?: unknown } | undefined)?.gracePeriod ?? GRACE;
  const ms = given === '0s' || given === '0' ? 0 : typeof given === 'string' ? parseDuration(given) : undefined;
  if (ms === undefined || ms > LONGEST_GRACE_MS)
    throw new StatusError('BadRequest', 'spec.gracePeriod: expected a duration from 0s to 30d, such as 10m');
  return ms;
}
