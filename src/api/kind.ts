import type { HostAccess } from '../base/host-access.ts';
import type { HostPathRules } from '../base/host-paths.ts';
import { refOf, titleOf } from './metadata.ts';
import type { FieldsV1, Ref, Resource } from './metadata.ts';
import type { Cause } from '../base/errors.ts';
import type { PolicyRule } from './access.ts';

/** The subset of JSON Schema that kinds are written in, with Kubernetes' extensions for field ownership. */
export interface JsonSchema {
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  const?: unknown;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
  oneOf?: readonly JsonSchema[];
  anyOf?: readonly JsonSchema[];
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-int-or-string'?: boolean;
  /** A mapping of anything: a check of the kind reads it. */
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  /** What `pattern`, or a mapping, means, for the message of a refusal: "a DNS label such as web-1". */
  'x-expected'?: string;
  /** What Docker, Compose, Kubernetes and AWS call this field, for the hint to who writes it so: of any case. */
  'x-also-known-as'?: readonly string[];
  /** The unit that a plain number most likely means, for the message that refuses one. */
  'x-unit'?: string;
  /** Of an object: fields that other systems have and that are not here, with what to know, for the message that refuses one. */
  'x-not-here'?: Readonly<Record<string, string>>;
  /** No value below it is shown in a message. */
  'x-sensitive'?: boolean;
  /** Of a member of a document: it rests in the database as cipher text only, and its values are masked wherever documents are compared for people. */
  'x-encrypted'?: boolean;
}

/** One printed column of `get`. `wide` columns show with `-o wide` only. */
export interface Column<R extends Resource = Resource> {
  name: string;
  description: string;
  wide?: boolean;
  /** The cell's text; the server renders it, as kubectl expects. */
  cell: (resource: R) => string;
}

/** Documents by reference, uid, kind and index: a consistent picture at one revision. */
export interface View {
  get(ref: Ref): Resource | undefined;
  byUid(uid: string): Resource | undefined;
  /** In the order of `namespace/name`. */
  list(kind: string, namespace?: string): readonly Resource[];
  /** Documents of the kind whose index of this name has the value. */
  lookup(kind: string, index: string, value: string): readonly Resource[];
  /** Documents of any kind that has such an index; every kind has `owner` (by uid) and `applier` (by the field manager of an apply). */
  lookupAll(index: string, value: string): readonly Resource[];
  /** Every value of such an index, with the document that has it: for indexes with few of them. */
  indexed(index: string): readonly Indexed[];
}

interface Indexed {
  value: string;
  resource: Resource;
}

/** What admission may look at beside the documents: this installation's settings and the Engine's ranges, as far as known. */
export interface AdmissionSettings {
  /** The pool that VPCs without a cidrBlock take theirs from, and the prefix length of each. */
  vpcPool: string;
  vpcPrefix: number;
  /** Which folders of the Engine's host instances may mount. */
  hostPaths: HostPathRules;
  hostAccess: HostAccess;
  /** Ranges that networks which are not ours hold now; a hint, the Engine has the last word. */
  foreignRanges: () => readonly string[];
  /** Rules of kinds over documents of all kinds; left out where documents are judged by themselves. */
  governors?: readonly Governor[];
  /** Left out: the daemon itself, which may do everything. */
  author?: Author;
}

/** Who writes, as far as admission asks. */
export interface Author {
  /** A person or a machine. */
  user: string;
  /** Throws Forbidden where it may not do itself what the document lets others do. */
  checkGrants: (kind: KindDefinition, resource: Resource) => void;
  /** Whether it may know of such an object. */
  sees: (resource: Resource) => boolean;
}

/** An object in the words of a message, where its author may know of it. */
export const titleFor = (author: Author | undefined, resource: Resource): string =>
  author === undefined || author.sees(resource) ? titleOf(refOf(resource)) : 'an object of another namespace';

/** What a document takes of what its namespace may have, by what is counted: cores, bytes, and numbers of things. */
export type Usage = Readonly<
  Partial<Record<'instances' | 'cpus' | 'memory' | 'hostPorts' | 'loadBalancers' | 'buckets' | 'bucketBytes', number>>
>;

/** Cores, and bytes of memory. What is left out has no limit. */
export interface Size {
  cpus?: number;
  memory?: number;
}

/** What a namespace allows of what runs in it. */
export interface Policy {
  /** Kubernetes' Pod Security Standards. */
  level: 'privileged' | 'baseline' | 'restricted';
  /** Hosts of registries, with a path where only that is allowed; any when left out. */
  registries?: readonly string[];
  /** Ports of the host that may be published at each level. */
  hostPorts?: readonly number[];
  /** Folders of the host that may be mounted at each level, with what is in them. */
  hostPaths?: readonly string[];
  /** Whether an image may be named by the tag latest, or by none. */
  allowLatest: boolean;
}

/** A rule over documents of all kinds in namespaces, under the revision's lock. */
export interface Governor {
  /** Defaults that it gives. Returns the document itself when none apply. */
  complete(next: Resource, old: Resource | undefined, kind: KindDefinition, view: View): Resource;
  /** Throws StatusError `NotFound` or `Forbidden`. */
  check(next: Resource, old: Resource | undefined, kind: KindDefinition, view: View): void;
}

/** Bytes of the largest request about one document of most kinds; the same bound as a file's. */
export const MAX_BODY_BYTES = 1 << 20;

/** Everything that is true of a kind wherever it appears: a new kind is this, a controller and a driver. */
export interface KindDefinition<R extends Resource = Resource> {
  kind: string;
  /** `miniaws.dev/v1`, or `v1` for Kubernetes' own kinds. */
  apiVersion: string;
  scope: 'Namespaced' | 'Cluster';
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  description: string;
  /** Its status is the daemon's alone: clients do not write it. */
  statusReadOnly?: true;
  /** What people want: the members of a document beside metadata and status. `spec` must be there, others may be left out. */
  content: Readonly<Record<string, JsonSchema>>;
  status: JsonSchema;
  /** Of Kubernetes' own kinds: these members in protobuf, as k8s.io/api numbers them. kubectl sends such objects so. */
  protobuf?: string;
  columns: readonly Column<R>[];
  /** What a name may be: a DNS label, or a DNS subdomain, which may have dots (RFC 1123). */
  names: { are: 'label' | 'subdomain'; maxLength: number };
  /** Bytes of the largest request about one document; `MAX_BODY_BYTES` when left out. */
  maxBytes?: number;
  /** A controller acts on its documents, and says by their Ready condition what has come of it. */
  reconciled: boolean;
  /** Something real stands behind a document: a deletion waits, by our finalizer, until the controller says that it is gone (I14). */
  finalizer: boolean;
  /**
   * Named keys under which documents are found again without a scan. Those of one name mean the same in all kinds:
   * `vpc` what lives in a VPC (`namespace/name`), `address` what holds one there (`namespace/vpc/address`), `hostPort` what
   * is published on the host, `ipRange` what holds a range that no network may overlap, `image` which images it is made of
   * or may go back to (references and ids): they stay on the Engine, `volume` which named volumes it mounts (`namespace/name`).
   * An index with the name of a kind says which documents of that kind it reads (`namespace/name`).
   */
  indexes: Record<string, (resource: R) => readonly string[]>;
  /**
   * What clients may write and nobody reads back, as what is stored in its place. Gets documents as they came, before
   * anything is known of them.
   */
  convert?: (document: Record<string, unknown>) => Record<string, unknown>;
  /**
   * What the command puts into a document of a manifest that names files: `read` answers one in the manifest's folder or below, or
   * throws. The daemon knows nothing of it.
   */
  inline?: (document: Record<string, unknown>, read: (path: string) => Buffer) => Record<string, unknown>;
  /**
   * Defaults that a schema cannot say, because they depend on other fields or on what is stored. Returns the document
   * itself when none apply.
   */
  complete?: (resource: R, old?: R) => R;
  /** What no schema can say about one document. Paths are relative to the document: `spec.ports[1]`. */
  check: (resource: R, old?: R) => readonly Cause[];
  /**
   * What depends on the old document or on other ones; runs under the revision's lock. May fill fields (a free range).
   * `applied` is what a server-side apply said itself, before it was merged with what is stored.
   */
  admit: (
    next: R,
    old: R | undefined,
    view: View,
    settings: AdmissionSettings,
    applied?: Readonly<Record<string, unknown>>,
  ) => Admission<R>;
  /** What it takes of what its namespace may have; of what it sets no bound to, nothing is known. */
  usage?: (resource: R) => Usage;
  /** By what of its usage it may leave without a bound: the field that sets one. A namespace that limits it wants the field. */
  bounds?: Readonly<Partial<Record<keyof Usage, string>>>;
  /** How large each instance of it may become, and how one is made so large. */
  size?: { of: (resource: R) => Size; with: (resource: R, size: Size) => R };
  /** What of it a policy does not allow. */
  violations?: (resource: R, policy: Policy) => readonly Cause[];
  /** Its rule over documents of these kinds. */
  governs?: (kinds: Iterable<KindDefinition>) => Governor;
  /** Why a document is not to be deleted; `undefined`: it may be. */
  permanent?: (resource: R, view: View) => string | undefined;
  /** The least role that reads it; `view` when left out. */
  readableBy?: 'edit' | 'admin';
  /** What it lets others do in its name: nobody writes one who may not do all of that. */
  grants?: (resource: R, kinds: Iterable<KindDefinition>) => readonly PolicyRule[];
  /** Of one that is made: what is stored, and what is answered to who makes it, this once. */
  issue?: (created: R, now: Date) => { stored: R; answered: R };
  /** What who deletes it should know. */
  deleting?: (resource: R, view: View) => readonly string[];
  /** What the /scale subresource reads and writes; kinds without it have none. */
  scale?: {
    /** The field of the specification that holds the count. */
    specField: string;
    replicas: (resource: R) => number;
    selector: (resource: R) => string;
  };
}

/** The schema of the kind's specification; it knows nothing where the kind has other members. */
export const specSchema = (kind: Pick<KindDefinition, 'content'>): JsonSchema => kind.content['spec'] ?? {};

/** An object of the kind by its name; the namespace counts where the kind is in namespaces. */
export const refIn = (kind: KindDefinition, namespace: string | undefined, name: string): Ref => ({
  kind: kind.kind,
  namespace: kind.scope === 'Cluster' ? '' : (namespace ?? ''),
  name,
});

/** Its API's group; Kubernetes' own kinds have none. */
export const groupOf = ({ apiVersion }: Pick<KindDefinition, 'apiVersion'>): string =>
  apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';

/** `vpcs.miniaws.dev`, `secrets`: Kubernetes' GroupResource. */
export const groupResource = (kind: Pick<KindDefinition, 'apiVersion' | 'plural'>): string =>
  groupOf(kind) === '' ? kind.plural : `${kind.plural}.${groupOf(kind)}`;

/** Where the API serves what has this version: kinds without a group have a root of their own. */
export const apiRoot = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

export interface Admission<R extends Resource = Resource> {
  resource: R;
  causes: readonly Cause[];
  /** Fields that a rule of the kind has set in this write, and in whose name: they are nobody else's from then on (I6). */
  takenOver?: { manager: string; fields: FieldsV1 };
}
