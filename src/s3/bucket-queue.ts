import { StatusError } from '../base/errors.ts';
import { UncertainCommit } from '../store/uncertain-commit.ts';
import { BucketDraft } from './bucket-draft.ts';
import type { Wanted } from './rows.ts';

/** Decisions that share one transaction at most; more only adds latency to the first of them. */
const GROUP = 64;

export interface Decision {
  wanted: readonly Wanted[];
  /** Throws nothing: what is refused is an outcome too. */
  decide: (draft: BucketDraft) => void;
  /** Once the group is committed. */
  settle: () => void;
  reject: (error: unknown) => void;
}

/** The decisions over one bucket, in groups, one group after the other. */
export class BucketQueue {
  readonly #commit: (group: readonly Decision[]) => Promise<void>;
  #waiting: Decision[] = [];
  #isWriting = false;

  constructor(commit: (group: readonly Decision[]) => Promise<void>) {
    this.#commit = commit;
  }

  run<T>(wanted: readonly Wanted[], decide: (draft: BucketDraft) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let outcome: { value: T } | { refused: unknown } = { refused: undefined };
      this.#waiting.push({
        wanted,
        decide(draft) {
          try {
            outcome = { value: draft.attempt(decide) };
          } catch (refused) {
            outcome = { refused };
          }
        },
        settle: () => ('value' in outcome ? resolve(outcome.value) : reject(outcome.refused)),
        reject,
      });
      void this.#write();
    });
  }

  get isIdle(): boolean {
    return !this.#isWriting && this.#waiting.length === 0;
  }

  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      await this.#writeGroup(this.#waiting.splice(0, GROUP));
    }
    this.#isWriting = false;
  }

  /** What fails one decision must not fail its neighbours: after a failed group, each goes alone. */
  async #writeGroup(group: readonly Decision[]): Promise<void> {
    try {
      await this.#commit(group);
      for (const { settle } of group) settle();
    } catch (error) {
      const isEverybodys = error instanceof UncertainCommit || error instanceof StatusError;
      if (group.length === 1 || isEverybodys) for (const { reject } of group) reject(error);
      else for (const decision of group) await this.#writeGroup([decision]);
    }
  }
}
