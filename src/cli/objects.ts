import { API_VERSION, CORE_V1 } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import { apiRoot, groupOf } from '../api/kind.ts';
import type { KindDefinition } from '../api/kind.ts';
import { StatusError } from '../base/errors.ts';
import { APPLY_PATCH, MERGE_PATCH } from './client.ts';
import type { Answer, ApiClient } from './client.ts';

/** The verbs of the API on objects, by their kind and name. */

/** Objects asked for at once. */
const PAGE = 1_000;

/** A list's items, and the revision from which a watch goes on. */
export interface ObjectList<T = Resource> {
  kind?: string;
  apiVersion?: string;
  metadata: { resourceVersion: string; continue?: string };
  items: T[];
}

export interface Selectors {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** Where the API serves lists of a version; without a namespace, of all namespaces. */
export const pathAt = (apiVersion: string, namespace: string | undefined, plural: string): string =>
  `${apiRoot(apiVersion)}${namespace ? `/namespaces/${encodeURIComponent(namespace)}` : ''}/${plural}`;

/** Where objects of the kind are; without a namespace those of all namespaces, and of the cluster. */
export const collectionPath = (kind: KindDefinition, namespace?: string): string =>
  pathAt(kind.apiVersion, kind.scope === 'Cluster' ? undefined : namespace, kind.plural);

export const objectPath = (kinds: KindRegistry, ref: Ref, subresource = ''): string =>
  `${collectionPath(kinds.must(ref.kind), ref.namespace)}/${encodeURIComponent(ref.name)}${subresource && `/${subresource}`}`;

/** Records about objects: events are Kubernetes' own kind, the reconcile log is ours. */
export const eventsPath = (namespace?: string): string => pathAt(CORE_V1, namespace, 'events');
export const logPath = (namespace?: string): string => pathAt(API_VERSION, namespace, 'reconcilelogs');
export const imagesPath = `${apiRoot(API_VERSION)}/images`;
export const volumesPath = `${apiRoot(API_VERSION)}/volumes`;
export const orphansPath = `${apiRoot(API_VERSION)}/orphans`;

/** How an object is named to people: `vpc.miniaws.dev/main`. */
export function nameOf(kinds: KindRegistry, ref: Pick<Ref, 'kind' | 'name'>): string {
  const kind = kinds.must(ref.kind);
  const group = groupOf(kind);
  return `${kind.singular}${group && `.${group}`}/${ref.name}`;
}

/** The fields by which records say of whom they speak. */
export const involving = (ref: Pick<Ref, 'kind' | 'name'>): string =>
  `involvedObject.kind=${ref.kind},involvedObject.name=${ref.name}`;

export async function findObject(client: ApiClient, ref: Ref): Promise<Resource | undefined> {
  try {
    return await getObject(client, ref);
  } catch (error) {
    if (error instanceof StatusError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}

export const getObject = (client: ApiClient, ref: Ref): Promise<Resource> => client.get(objectPath(client.kinds, ref));

/** The whole list, page by page. */
export async function listObjects(
  client: ApiClient,
  kind: KindDefinition,
  namespace: string | undefined,
  selectors: Selectors = {},
): Promise<ObjectList> {
  const path = collectionPath(kind, namespace);
  const items: Resource[] = [];
  let token: string | undefined;
  for (;;) {
    const page: ObjectList = await client.get(path, { query: { ...selectors, limit: PAGE, continue: token } });
    items.push(...page.items);
    token = page.metadata.continue;
    if (!token) return { ...page, metadata: { resourceVersion: page.metadata.resourceVersion }, items };
  }
}

export interface ApplyRequest {
  fieldManager: string;
  force: boolean;
  dryRun: boolean;
}

/** Server-side apply of a document as it was written: status 201 when it made the object. */
export const applyObject = (
  client: ApiClient,
  ref: Ref,
  document: object,
  { fieldManager, force, dryRun }: ApplyRequest,
): Promise<Answer<Resource>> =>
  client.send('PATCH', objectPath(client.kinds, ref), {
    query: { fieldManager, force: force || undefined, dryRun: dryRun ? 'All' : undefined, fieldValidation: 'Strict' },
    body: document,
    contentType: APPLY_PATCH,
  });

export const mergeObject = async (
  client: ApiClient,
  ref: Ref,
  patch: object,
  fieldManager: string,
  dryRun = false,
): Promise<Resource> =>
  (
    await client.send<Resource>('PATCH', objectPath(client.kinds, ref), {
      query: { fieldManager, dryRun: dryRun ? 'All' : undefined, fieldValidation: 'Strict' },
      body: patch,
      contentType: MERGE_PATCH,
    })
  ).body;

export const CASCADES = ['background', 'foreground', 'orphan'] as const;
export type Cascade = (typeof CASCADES)[number];

/** Sends the deletion; the object goes when the real thing is gone (I14). */
export async function deleteObject(client: ApiClient, ref: Ref, cascade: Cascade, uid?: string): Promise<void> {
  const propagationPolicy = ({ background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const)[
    cascade
  ];
  const preconditions = uid === undefined ? {} : { preconditions: { uid } };
  await client.send('DELETE', objectPath(client.kinds, ref), {
    body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy, ...preconditions },
  });
}
