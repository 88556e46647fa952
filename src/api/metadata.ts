/** The group and version of the kinds that are ours. */
export const GROUP = 'miniaws.dev';
export const VERSION = 'v1';
export const API_VERSION = `${GROUP}/${VERSION}`;
/** The API version of Kubernetes' own kinds, which have no group. */
export const CORE_V1 = 'v1';

/** The namespace of a document that names none. */
export const DEFAULT_NAMESPACE = 'default';

/** Annotation: while it is `"true"`, no pass acts on the object. */
export const PAUSED = `${GROUP}/paused`;
/** Annotation, set by `miniaws restart`: an RFC 3339 time; a process started before it is restarted once. */
export const RESTARTED_AT = `${GROUP}/restarted-at`;
/** Annotation: what `kubectl apply` sent last, whole. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Annotation of what came out of a repository: the commit's id, and the file in it. */
export const SOURCE = `${GROUP}/source`;
/** The finalizer that admission sets at creation and the engine removes when the real thing is gone (I14). */
export const FINALIZER = `${GROUP}/teardown`;

/** One manager's fields of one object, as in the Kubernetes API. `fieldsV1` is a set of paths: `{"f:spec":{"f:image":{}}}`. */
export interface ManagedFields {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: FieldsV1;
  subresource?: string;
}

export interface FieldsV1 {
  [member: string]: FieldsV1;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  /** At most one owner is the controller: the one whose controller made the object. */
  controller?: boolean;
  /** Foreground deletion of the owner waits for objects that say so. */
  blockOwnerDeletion?: boolean;
}

export interface Metadata {
  name: string;
  /** Absent from documents of kinds whose scope is the cluster: code that is for any kind asks `refOf`. */
  namespace: string;
  uid: string;
  /** The revision of the last write, in decimal. Opaque to clients but for equality and order within this store. */
  resourceVersion: string;
  /** Counts changes of the spec; status and metadata do not move it. */
  generation: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: readonly string[];
  ownerReferences?: readonly OwnerReference[];
  managedFields?: readonly ManagedFields[];
}

/**
 * A live document: what people want (spec) and what was last seen (status). Treated as immutable everywhere. Kubernetes'
 * own kinds have other members in place of the spec: code that is for any kind asks `contentOf`.
 */
export interface Resource<Spec = object, Status = object> {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec: Spec;
  status?: Status & CommonStatus;
}

export interface CommonStatus {
  /** The generation that this status speaks of (I8). */
  observedGeneration?: number;
  conditions?: readonly Condition[];
}

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  observedGeneration: number;
  lastTransitionTime: string;
  /** CamelCase, stable. */
  reason: string;
  /** For a person: what is so, and what to do about it. */
  message: string;
}

/** What people want, whatever its members are: `spec`, or those of a kind that has none. */
export function contentOf(resource: Resource): Readonly<Record<string, unknown>> {
  const { apiVersion: _, kind: __, metadata: ___, status: ____, ...content } = resource;
  return content;
}

/** What identifies a live document among its kind; a deleted and re-created one has the same ref and another uid. */
export interface Ref {
  kind: string;
  /** Empty for kinds whose scope is the cluster. */
  namespace: string;
  name: string;
}

export const refOf = (r: { kind: string; metadata: { namespace?: string; name: string } }): Ref => ({
  kind: r.kind,
  namespace: r.metadata.namespace ?? '',
  name: r.metadata.name,
});

/** `default/web`, or `web` where there is no namespace: Kubernetes' NamespacedName. */
export const namespacedName = ({ namespace, name }: Omit<Ref, 'kind'>): string =>
  namespace === '' ? name : `${namespace}/${name}`;

/** `Instance/default/web`: the form in which keys travel in queues, maps and logs. */
export const keyOf = (ref: Ref): string => `${ref.kind}/${namespacedName(ref)}`;

/** `Instance default/web`: how an object is named in sentences. */
export const titleOf = (ref: Ref): string => `${ref.kind} ${namespacedName(ref)}`;

export function parseKey(key: string): Ref {
  const [kind = '', ...rest] = key.split('/');
  const [name = '', namespace = ''] = rest.reverse();
  return { kind, namespace, name };
}

export const findCondition = (r: { status?: CommonStatus }, type: string): Condition | undefined =>
  r.status?.conditions?.find((c) => c.type === type);

/** Ready, and for the generation that the spec has now. */
export function isReady(r: Resource): boolean {
  const ready = findCondition(r, 'Ready');
  return ready?.status === 'True' && ready.observedGeneration === r.metadata.generation;
}

/** Its process has run to its end, and well: there is nothing more that it could become. */
export const hasSucceeded = (r: Resource): boolean =>
  (r.status as { phase?: unknown } | undefined)?.phase === 'Succeeded' &&
  r.status?.observedGeneration === r.metadata.generation;

/** The field managers that have applied it, by server-side apply. */
export const appliersOf = ({ metadata }: Pick<Resource, 'metadata'>): string[] =>
  (metadata.managedFields ?? []).flatMap(({ manager, operation }) => (operation === 'Apply' ? [manager] : []));
