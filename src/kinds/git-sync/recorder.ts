import type { Clock } from '../../base/clock.ts';
import { sleep } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { sameJson } from '../../base/hash.ts';
import type { Log } from '../../base/log.ts';
import type { Resource } from '../../api/metadata.ts';
import type { Term } from '../../engine/leader.ts';
import type { Store } from '../../store/store.ts';
import { OPERATIONS } from './operations.ts';
import { isGitSync } from './types.ts';
import type { SyncOperation } from './types.ts';

/** Milliseconds until a failed write is tried again. */
const RETRY_MS = 1_000;

/**
 * Keeps what syncs did, as their status says it one after the other. The leader reads the changes as they are
 * committed, so that none is missed while it leads; a row is the same however often it is written.
 */
export class OperationRecorder {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(use: { store: Store; clock: Clock; log: Log }) {
    this.#store = use.store;
    this.#clock = use.clock;
    this.#log = use.log;
  }

  async run({ signal }: Pick<Term, 'signal'>): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (!signal.aborted)
          this.#log.warn({ error: messageOf(error) }, 'operations of syncs are not recorded: retrying');
      }
      await sleep(this.#clock, RETRY_MS, signal);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const recorded = new Map<string, SyncOperation>();
    const record = async (resource: Resource) => {
      const operation = isGitSync(resource) ? resource.status?.operation : undefined;
      const { uid } = resource.metadata;
      if (!operation || sameJson(recorded.get(uid), operation)) return;
      await this.#store.beside(OPERATIONS).put(uid, operation);
      recorded.set(uid, operation);
    };
    const now = await this.#store.current();
    for (const sync of now.list('GitSync')) await record(sync);
    for await (const changes of this.#store.watchResources(now.revision, signal))
      for (const { object } of changes) await record(object);
  }
}
