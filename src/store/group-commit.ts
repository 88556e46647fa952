import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { StatusError } from '../base/errors.ts';
import { Draft } from './draft.ts';
import { UncertainCommit } from './uncertain-commit.ts';
import type { Batch, Journal, Position, Tail } from './journal.ts';
import type { Mirror } from './mirror.ts';
import { FencedError } from './store.ts';
import type { CommitRequest, Committed } from './store.ts';

/** Requests that share one transaction at most; more only adds latency to the first of them. */
const GROUP = 128;
/** How long an uncertain commit is asked after before its callers are told that the database is away. */
const UNCERTAIN_MS = 30_000;

interface Pending {
  request: CommitRequest;
  resolve: (committed: Committed) => void;
  reject: (error: unknown) => void;
}

/** What one request of a group came to, held back until the group's commit. */
type CommitOutcome = { pending: Pending } & ({ committed: Committed } | { refused: unknown });

export interface GroupCommitParts {
  journal: Journal;
  mirror: Mirror;
  clock: Clock;
  closing: AbortSignal;
  /** Brings the mirror to the position that the lock holds fast. */
  catchUp: (position: Position, tailAfter: (revision: number) => Promise<Tail>) => Promise<void>;
  /** Shows a batch that was committed. */
  publish: (batch: Batch) => void;
}

/** Decides and commits requests in groups, one transaction each, one after the other. */
export class GroupCommit {
  readonly #parts: GroupCommitParts;
  #queue: Pending[] = [];
  #writing = false;

  constructor(parts: GroupCommitParts) {
    this.#parts = parts;
  }

  commit(request: CommitRequest): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject });
      void this.#write();
    });
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#queue.length > 0) await this.#writeGroup(() => this.#queue.splice(0, GROUP));
    } finally {
      this.#writing = false;
    }
  }

  /** The group is taken once the lock is held: whoever came while it was waited for goes along. */
  async #writeGroup(take: () => Pending[]): Promise<void> {
    const { journal, mirror, catchUp, publish } = this.#parts;
    let group: Pending[] | undefined;
    let verdicts: readonly CommitOutcome[] = [];
    let batch: Batch | undefined;
    try {
      await journal.transact(async (position, tailAfter) => {
        // Until nothing has come in between: the decisions that follow are one synchronous stretch.
        while (position.revision !== mirror.revision) {
          await catchUp(position, tailAfter);
          // What was read is newer than what the lock held fast: it was taken from us, and others go on.
          if (mirror.revision > position.revision)
            throw new StatusError('ServiceUnavailable', 'the database took its lock back before it had answered');
        }
        group = take();
        ({ verdicts, batch } = this.#decide(group, position));
        return batch;
      });
    } catch (error) {
      const landed = error instanceof UncertainCommit && batch ? await this.#landed(batch) : false;
      if (landed !== true) return this.#groupFailed(group ?? take(), landed === 'unknown' ? unavailable(error) : error);
    }
    if (batch) publish(batch);
    for (const verdict of verdicts) {
      if ('refused' in verdict) verdict.pending.reject(verdict.refused);
      else verdict.pending.resolve(verdict.committed);
    }
  }

  /** One bad write must not fail its neighbours: after a failed group, each goes alone. */
  async #groupFailed(group: readonly Pending[], error: unknown): Promise<void> {
    if (group.length > 1 && this.#parts.journal.outage() === undefined) {
      for (const pending of group) await this.#writeGroup(() => [pending]);
    } else {
      for (const pending of group) pending.reject(unavailable(error));
    }
  }

  async #landed(batch: Batch): Promise<boolean | 'unknown'> {
    const { journal, clock, closing } = this.#parts;
    const first = batch.changes[0];
    if (!first) return false;
    const until = clock.monotonic() + UNCERTAIN_MS;
    while (clock.monotonic() < until && !closing.aborted) {
      try {
        return await journal.wasCommitted(batch.commitId, first.revision);
      } catch {
        await sleep(clock, 200, closing);
      }
    }
    return 'unknown';
  }

  /**
   * Each decision sees the ones before it. They are made on the mirror itself and taken back before anyone else can
   * look: all of this is one synchronous stretch.
   */
  #decide(group: readonly Pending[], position: Position): { verdicts: CommitOutcome[]; batch: Batch | undefined } {
    const draft = new Draft(this.#parts.mirror, position.revision);
    try {
      const verdicts = group.map((pending) => this.#verdict(pending, position, draft));
      return { verdicts, batch: draft.batch() };
    } finally {
      draft.takeBack();
    }
  }

  #verdict(pending: Pending, position: Position, draft: Draft): CommitOutcome {
    try {
      const { decide, fence, dryRun } = pending.request;
      if (fence !== undefined && fence !== position.epoch)
        throw new FencedError(`the lease's epoch is ${position.epoch}, not ${fence}`);
      const effects = decide(this.#parts.mirror);
      if (!dryRun) return { pending, committed: draft.add(effects, pending.request) };
      draft.check(effects);
      return { pending, committed: { revision: draft.revision, resources: effects.put ?? [] } };
    } catch (refused) {
      return { pending, refused };
    }
  }
}

function unavailable(error: unknown): unknown {
  if (error instanceof StatusError || error instanceof FencedError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StatusError('ServiceUnavailable', `the database did not take the write: ${message}`, {
    cause: error,
    details: { retryAfterSeconds: 1 },
  });
}
