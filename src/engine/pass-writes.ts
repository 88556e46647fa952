import { refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { View } from '../api/kind.ts';
import { create, kindOfDocument, remove, replace } from '../admission/operations.ts';
import type { RawDocument } from '../admission/admit.ts';
import type { WriteContext } from '../admission/operations.ts';
import { PassError, StatusError } from '../base/errors.ts';
import { sameJson } from '../base/hash.ts';
import { revisionOf } from '../store/store.ts';
import type { Committed } from '../store/store.ts';
import type { Amendment, Pass, TransactContext, Transaction } from './contract.ts';
import type { PassTools } from './pass-context.ts';

/** What a pass writes ahead of its end: each a commit of its own, fenced, and safe to be repeated after a crash. */
export class PassWrites implements Pick<Pass, 'claim' | 'create' | 'remove' | 'transact' | 'amend'> {
  /** The document as this pass has it, its own writes included. */
  resource: Resource;
  /** The last revision that was written: the next pass of this key waits until the informer has it. */
  revision: number | undefined;
  readonly #tools: PassTools;
  readonly #kind: string;

  constructor(tools: PassTools, kind: string, resource: Resource) {
    this.#tools = tools;
    this.#kind = kind;
    this.resource = resource;
  }

  async claim(decide: (latest: Resource, view: View) => object): Promise<void> {
    await this.#change((latest, view) => {
      const claimed = { ...latest.status, ...decide(latest, view) };
      return sameJson(claimed, latest.status ?? {}) ? latest : { ...latest, status: claimed };
    });
  }

  async amend(manager: string, change: (latest: Resource) => Amendment | undefined): Promise<void> {
    const kind = this.#tools.kinds.must(this.#kind);
    await this.#change((latest, view) => {
      const amendment = change(latest);
      if (!amendment) return latest;
      const next = { ...latest, spec: amendment.spec } as unknown as RawDocument;
      const amended = replace(kind, next, latest, view, this.#context(manager));
      return amendment.status ? { ...amended, status: { ...latest.status, ...amendment.status } } : amended;
    });
  }

  async create(document: RawDocument): Promise<void> {
    const kind = kindOfDocument(document, this.#tools.kinds);
    const context = this.#context(`miniaws-${this.#kind.toLowerCase()}-controller`);
    try {
      this.#wrote(
        await this.#tools.store.commit({
          fence: this.#tools.epoch,
          decide: (view) => ({ put: [create(kind, document, view, context)] }),
        }),
      );
    } catch (error) {
      if (!(error instanceof StatusError && error.reason === 'AlreadyExists')) throw error;
    }
  }

  async remove(ref: Ref, uid: string): Promise<void> {
    const committed = await this.#tools.store.commit({
      fence: this.#tools.epoch,
      decide: (view) => {
        const old = view.get(ref);
        if (!old || old.metadata.uid !== uid || old.metadata.deletionTimestamp !== undefined) return {};
        const left = remove(this.#tools.kinds.must(ref.kind), old, {}, this.#tools.clock.now(), view);
        return 'put' in left ? { put: [left.put] } : { remove: [left.remove] };
      },
    });
    this.#wrote(committed);
  }

  async transact(decide: (view: View, context: TransactContext) => Transaction): Promise<void> {
    const { kinds, clock } = this.#tools;
    const committed = await this.#tools.store.commit({
      fence: this.#tools.epoch,
      decide: (view) => {
        const { manager: _, ...context } = this.#context('');
        const { put = [], remove: gone = [], status } = decide(view, context);
        const left = gone.map((old) => remove(kinds.must(old.kind), old, {}, clock.now(), view));
        return {
          put: [
            ...(status ? this.#withOwnStatus(put, status, view) : put),
            ...left.flatMap((each) => ('put' in each ? [each.put] : [])),
          ],
          remove: left.flatMap((each) => ('remove' in each ? [each.remove] : [])),
        };
      },
    });
    this.resource = committed.resources.find((r) => this.#isOwn(r)) ?? this.resource;
    this.#wrote(committed);
  }

  /** This pass's own document may be among those that are written. */
  #withOwnStatus(put: readonly Resource[], status: object, view: View): readonly Resource[] {
    const own = put.find((r) => this.#isOwn(r)) ?? this.#latest(view);
    const next = { ...own, status: { ...own.status, ...status } };
    return sameJson(next.status, own.status ?? {}) ? put : [...put.filter((r) => r !== own), next];
  }

  #isOwn({ metadata }: Resource): boolean {
    return metadata.uid === this.resource.metadata.uid;
  }

  /** Throws when it is gone. */
  #latest(view: View): Resource {
    const latest = view.get(refOf(this.resource));
    if (!latest || !this.#isOwn(latest)) throw new PassError('DependencyNotReady', 'the object was deleted meanwhile');
    return latest;
  }

  /** Changes this pass's own document, as it is at the commit. */
  async #change(decide: (latest: Resource, view: View) => Resource): Promise<void> {
    const committed = await this.#tools.store.commit({
      fence: this.#tools.epoch,
      decide: (view) => {
        const latest = this.#latest(view);
        this.resource = latest;
        const next = decide(latest, view);
        return next === latest ? {} : { put: [next] };
      },
    });
    this.resource = committed.resources[0] ?? this.resource;
    this.#wrote(committed);
  }

  #wrote(committed: Committed): void {
    const revision = revisionOf(committed);
    if (revision !== undefined) this.revision = Math.max(revision, this.revision ?? 0);
  }

  #context(manager: string): WriteContext {
    const { settings, clock } = this.#tools;
    return { settings, now: clock.now(), fieldValidation: 'Strict', warnings: [], manager };
  }
}
