import { ENGINE_SOCKETS } from '../base/host-paths.ts';
import { macWith } from '../base/hash.ts';
import { objectKeys } from '../kinds/bucket/public.ts';
import type { KindRegistry } from '../api/registry.ts';
import { parseKey, refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { AdmissionSettings } from '../api/kind.ts';
import type { RawDocument } from '../admission/admit.ts';
import { applyDocument, remove } from '../admission/operations.ts';
import type { DeleteOptions } from '../admission/operations.ts';
import type { Clock } from '../base/clock.ts';
import { SimulatedRepositories } from '../drivers/git/simulated-git.ts';
import { MemoryBytes } from '../drivers/objects/memory.ts';
import { objectBucketOf } from '../kinds/bucket/public.ts';
import { isBucket } from '../kinds/bucket/types.ts';
import { OBJECT_ROWS } from '../s3/object-rows.ts';
import { Objects } from '../s3/objects.ts';
import type { Store } from '../store/store.ts';

/** A document as a manifest has it: what is left out is filled in. */
export interface Document {
  apiVersion?: string;
  kind: string;
  metadata: { name: string; namespace?: string; [key: string]: unknown };
  spec?: object;
  data?: Readonly<Record<string, string>>;
}

export const settings: AdmissionSettings = {
  vpcPool: '10.64.0.0/12',
  vpcPrefix: 20,
  hostPaths: { allowed: ['/'], guarded: ENGINE_SOCKETS },
  hostAccess: { devices: ['/dev'], gpus: true, metadata: false, nfsServers: ['10.9.9.9'] },
  foreignRanges: () => [],
};

/** With the rules of kinds over each other. */
export const settingsOf = (kinds: KindRegistry): AdmissionSettings => ({ ...settings, governors: kinds.governors });

/** What people do, through admission and the store, as the API does it. Refusals are `StatusError`s. */
export class Person {
  readonly store: Store;
  readonly kinds: KindRegistry;
  readonly #clock: Clock;
  readonly #repositories: SimulatedRepositories;
  readonly #objects: Objects;

  constructor(
    store: Store,
    clock: Clock,
    kinds: KindRegistry,
    repositories: SimulatedRepositories = new SimulatedRepositories(clock),
    objects: Objects = new Objects({
      rows: store.beside(OBJECT_ROWS),
      bytes: new MemoryBytes(clock),
      clock,
      keys: objectKeys(store.cached(), macWith(Buffer.from('person'))),
    }),
  ) {
    this.kinds = kinds;
    this.store = store;
    this.#clock = clock;
    this.#repositories = repositories;
    this.#objects = objects;
  }

  async apply(document: Document, manager = 'person', force = false): Promise<Resource> {
    const kind = this.kinds.must(document.kind);
    const raw = {
      apiVersion: kind.apiVersion,
      ...document,
      metadata: { ...(kind.scope === 'Cluster' ? {} : { namespace: 'default' }), ...document.metadata },
    } as unknown as RawDocument;
    const ref = refOf(raw as unknown as Resource);
    let result: Resource | undefined;
    const committed = await this.store.commit({
      decide: (view) => {
        const old = view.get(ref);
        const context = {
          settings: settingsOf(this.kinds),
          now: this.#clock.now(),
          fieldValidation: 'Strict' as const,
          warnings: [],
          manager,
          force,
        };
        result = applyDocument(kind, raw, old, view, context);
        if (!old) result = kind.issue?.(result, context.now).stored ?? result;
        return result === old ? {} : { put: [result] };
      },
    });
    return committed.resources[0] ?? (result as Resource);
  }

  /** A commit of these files alone, as the newest of branch `main`; without files, the branch goes. */
  push(url: string, files: Readonly<Record<string, string>> | undefined): void {
    if (files) this.#repositories.push(url, 'main', files);
    else this.#repositories.removeBranch(url, 'main');
  }

  /** As a client of the bucket does. */
  async put(bucket: string, key: string, content: string): Promise<void> {
    const [document] = this.store.cached().lookup('Bucket', 'bucket', bucket);
    if (!document || !isBucket(document)) throw new Error(`there is no bucket ${bucket}`);
    const body = async function* () {
      yield Buffer.from(content);
    };
    await this.#objects.put(objectBucketOf(document), { key, contentType: 'text/plain' }, body());
  }

  async delete(which: Ref | string, options: DeleteOptions = {}): Promise<void> {
    const ref = typeof which === 'string' ? parseKey(which) : which;
    await this.store.commit({
      decide: (view) => {
        const old = view.get(ref);
        if (!old) return {};
        const left = remove(this.kinds.must(ref.kind), old, options, this.#clock.now(), view);
        return 'put' in left ? (left.put === old ? {} : { put: [left.put] }) : { remove: [left.remove] };
      },
    });
  }
}
