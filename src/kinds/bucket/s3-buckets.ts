import { placed } from '../../api/access.ts';
import { DEFAULT_NAMESPACE, refOf } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import { create, forbidden, notFound, patch, remove } from '../../admission/operations.ts';
import type { WriteContext } from '../../admission/operations.ts';
import { sleep } from '../../base/clock.ts';
import { memoised } from '../../base/memoised.ts';
import { eventOf, recordedCommit } from '../../http/audit.ts';
import { authorOf } from '../../http/author.ts';
import type { ApiContext } from '../../http/context.ts';
import type { Asker, Buckets, BucketSettings, S3Bucket } from '../../s3/buckets.ts';
import type { View } from '../../api/kind.ts';
import type { Effects } from '../../store/store.ts';
import { bucketKind } from './definition.ts';
import { objectBucketOf } from './public.ts';
import { isBucket } from './types.ts';
import type { Bucket } from './types.ts';

/** The field manager of what S3's clients write. */
const MANAGER = 's3';
/** Milliseconds for which a deletion waits for its end, and between two looks at it. */
const [GOING_MS, LOOK_MS] = [5_000, 10];

/** Documents as the buckets that S3's clients know. What they change is changed as everybody changes documents. */
export class DocumentBuckets implements Buckets {
  readonly #context: ApiContext;

  constructor(context: ApiContext) {
    this.#context = context;
  }

  find(name: string): S3Bucket | undefined {
    const [found] = this.#context.store.cached().lookup(bucketKind.kind, 'bucket', name);
    return found && isBucket(found) ? s3BucketOf(found) : undefined;
  }

  list(): readonly S3Bucket[] {
    return this.#context.store
      .cached()
      .list(bucketKind.kind)
      .flatMap((resource) => (isBucket(resource) ? s3BucketOf(resource) : []))
      .filter(({ isDeleting }) => !isDeleting)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async create(name: string, settings: BucketSettings, asker: Asker): Promise<void> {
    const namespace = this.namespaceFor(asker);
    const document = {
      apiVersion: bucketKind.apiVersion,
      kind: bucketKind.kind,
      metadata: { name, namespace },
      spec: settings,
    };
    await this.#commit(asker, 'create', { name, namespace }, (view, context) => ({
      put: [create(this.#kind, document, view, context)],
    }));
  }

  async remove(bucket: S3Bucket, asker: Asker): Promise<void> {
    await this.#commit(asker, 'delete', bucket, (view) => {
      const left = remove(this.#kind, this.#documentOf(bucket, view), {}, this.#context.clock.now(), view);
      return 'put' in left ? { put: [left.put] } : { remove: [left.remove] };
    });
    await this.#gone(bucket.uid);
  }

  /** Each setting is put in place whole. */
  async configure(bucket: S3Bucket, settings: BucketSettings, asker: Asker): Promise<void> {
    await this.#commit(asker, 'patch', bucket, (view, context) => {
      const document = this.#documentOf(bucket, view);
      const body = Object.entries(settings).flatMap(([name, value]) => {
        const path = `/spec/${name}`;
        if (value !== null) return [{ op: 'add', path, value }];
        return Object.hasOwn(document['spec'] as object, name) ? [{ op: 'remove', path }] : [];
      });
      return { put: [patch(this.#kind, { type: 'json', body }, document, view, context)] };
    });
  }

  hasNamespace(name: string): boolean {
    return (
      name === DEFAULT_NAMESPACE ||
      this.#context.store.cached().get({ kind: 'Namespace', namespace: '', name }) !== undefined
    );
  }

  /** An empty bucket goes at once: who has deleted it can make it anew. */
  async #gone(uid: string): Promise<void> {
    const { clock, store } = this.#context;
    const until = clock.monotonic() + GOING_MS;
    while (store.cached().byUid(uid) && clock.monotonic() < until) await sleep(clock, LOOK_MS);
  }

  get #kind() {
    return this.#context.kinds.must(bucketKind.kind);
  }

  /** Where a bucket is made whose maker says no namespace: the default one, else the first in which they may. */
  namespaceFor({ credential }: Asker): string {
    const asked = { verb: 'create', resource: bucketKind.plural, subresource: '' };
    if (credential.access.allows({ ...asked, ...placed(bucketKind.plural, DEFAULT_NAMESPACE, '') }))
      return DEFAULT_NAMESPACE;
    const [first] = credential.access.namespaces(asked) ?? [];
    if (first === undefined) throw forbidden(this.#kind, '', `User "${credential.user}" may make no buckets`);
    return first;
  }

  #documentOf({ uid, name }: S3Bucket, view: View): Resource {
    const found = view.byUid(uid);
    if (!found) throw notFound(this.#kind, name);
    return found;
  }

  async #commit(
    { credential, cameAt }: Asker,
    verb: string,
    { name, namespace }: { name: string; namespace: string },
    decide: (view: View, context: WriteContext) => Effects,
  ): Promise<void> {
    const { clock, settings, kinds } = this.#context;
    const context: WriteContext = {
      settings: { ...settings, author: authorOf(credential, kinds) },
      now: clock.now(),
      fieldValidation: 'Strict',
      warnings: [],
      manager: MANAGER,
    };
    const attributes = { verb, resource: bucketKind.plural, subresource: '', namespace, name };
    const about = { credential, address: credential.address, attributes, cameAt };
    const commit = { decide: (view: View) => decide(view, context), user: credential.user };
    await recordedCommit(this.#context, commit, () =>
      eventOf(about, clock, { code: 200, reason: '', dryRun: false, manager: MANAGER }),
    );
  }
}

const s3BucketOf = memoised((bucket: Bucket): S3Bucket => {
  const { metadata, spec } = bucket;
  return {
    ...objectBucketOf(bucket),
    namespace: refOf(bucket).namespace,
    createdAt: new Date(metadata.creationTimestamp),
    publicRead: spec.publicRead,
    isDeleting: metadata.deletionTimestamp !== undefined,
    config: spec,
  };
});
