import type { FastifyInstance } from 'fastify';
import { API_VERSION } from '../../../api/metadata.ts';
import { notFound } from '../../../admission/operations.ts';
import { numberOf, queryOf } from '../../../http/context.ts';
import { permits } from '../../../http/permissions.ts';
import type { ApiContext } from '../../../http/context.ts';
import { OPERATIONS } from '../operations.ts';
import { isGitSync } from '../types.ts';
import type { SyncOperation } from '../types.ts';

const DEFAULT_LIMIT = 50;
const MOST = 500;

/** What a sync did, a kind of ours that is read only. */
export interface SyncOperationList {
  kind: 'SyncOperationList';
  apiVersion: typeof API_VERSION;
  metadata: { name: string; namespace: string; uid: string };
  /** The newest first. */
  items: readonly SyncOperation[];
}

/** `GET …/namespaces/NS/gitsyncs/NAME/operations?limit=50`. */
export function operationsRoute(app: FastifyInstance, { store, kinds }: ApiContext): void {
  app.get(
    `/apis/${API_VERSION}/namespaces/:namespace/gitsyncs/:name/operations`,
    permits('get', { resource: 'gitsyncs', subresource: 'operations' }),
    async (request): Promise<SyncOperationList> => {
      const { namespace = '', name = '' } = request.params as { namespace?: string; name?: string };
      const limit = numberOf(queryOf(request), 'limit', DEFAULT_LIMIT, MOST) || DEFAULT_LIMIT;
      const sync = (await store.current()).get({ kind: 'GitSync', namespace, name });
      if (!sync || !isGitSync(sync)) throw notFound(kinds.must('GitSync'), name);
      const { uid } = sync.metadata;
      const items = await store.beside(OPERATIONS).newest(uid, limit);
      return { kind: 'SyncOperationList', apiVersion: API_VERSION, metadata: { name, namespace, uid }, items };
    },
  );
}
