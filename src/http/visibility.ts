import type { FastifyRequest } from 'fastify';
import { placed } from '../api/access.ts';
import type { Visible } from '../api/access.ts';
import type { KindDefinition, View } from '../api/kind.ts';
import type { Resource } from '../api/metadata.ts';
import type { ApiContext } from './context.ts';

export const isVisible = (visible: Visible, kind: Pick<KindDefinition, 'plural'>, { metadata }: Resource): boolean =>
  visible === 'all' || visible(placed(kind.plural, metadata.namespace ?? '', metadata.name));

/** What a list is of, as far as the key sees. */
export const meant =
  (kind: Pick<KindDefinition, 'kind' | 'plural'>, namespace: string | undefined, visible: Visible) =>
  (resource: Resource): boolean =>
    resource.kind === kind.kind &&
    (namespace === undefined || resource.metadata.namespace === namespace) &&
    isVisible(visible, kind, resource);

/** Of a list: whether the key sees less than all objects of the kind, wherever this list looks. */
export const isConfined = ({ credential, attributes }: FastifyRequest): boolean =>
  attributes !== undefined && credential.access.visible({ ...attributes, namespace: '' }) !== 'all';

/** The revision that a list of the kind tells. */
export function revisionFor(
  request: FastifyRequest,
  kind: Pick<KindDefinition, 'kind' | 'plural'>,
  snapshot: View & { revision: number },
  { deletions }: Pick<ApiContext, 'deletions'>,
): number {
  if (!isConfined(request)) return snapshot.revision;
  const { namespace } = request.params as { namespace?: string };
  const isMeant = meant(kind, namespace, request.visible);
  const newest = snapshot
    .list(kind.kind, namespace)
    .reduce((most, r) => (isMeant(r) ? Math.max(most, Number(r.metadata.resourceVersion)) : most), 0);
  return Math.min(snapshot.revision, Math.max(newest, deletions.newest(isMeant)));
}
