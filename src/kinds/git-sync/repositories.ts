import { refOf } from '../../api/metadata.ts';
import type { Ref } from '../../api/metadata.ts';
import type { Clock } from '../../base/clock.ts';
import { endsWithin } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { canonicalJson } from '../../base/hash.ts';
import { GitError } from '../../drivers/git/git.ts';
import type { Git, GitReason, Revision, Snapshot, Watching } from '../../drivers/git/git.ts';
import { SnapshotDecrypter } from './decrypt/snapshot.ts';
import type { SyncSnapshot } from './decrypt/snapshot.ts';
import type { SyncSource } from './source.ts';
import { ALLOW_REWRITE, isFolder, SYNC_AT } from './types.ts';
import type { GitSync } from './types.ts';

/** How long a pass waits for the remote before it leaves the call to itself and comes back at its end. */
const WAIT_MS = 1_000;
/** Snapshots that are held for a sync: the newest, the one that is applied, the one that it may go back to. */
const SNAPSHOTS = 3;

export interface FetchFailure {
  reason: GitReason;
  message: string;
  /** Whether only a person can mend it. */
  blocked: boolean;
}

/** What is known of the remote, by this leader. */
export interface RemoteState {
  head?: Revision;
  /** When it was asked last, by the wall clock. */
  askedAt?: Date;
  /** Milliseconds since then, by the monotonic clock. */
  agoMs: number;
  /** The request (annotation) that the last question has met. */
  request?: string;
  /** Of the last question. */
  failure?: FetchFailure;
  /** Something says that there is something new. */
  stale: boolean;
}

interface Entry {
  ref: Ref;
  /** What the source was, as text. */
  source: string;
  state: Omit<RemoteState, 'agoMs'>;
  /** When the remote was asked last, by the monotonic clock. */
  askedMs: number;
  snapshots: Map<string, SyncSnapshot>;
  /** The last one, as it is in the repository. */
  last: Snapshot | undefined;
  /** `undefined`: the sync decrypts nothing. */
  decrypter: SnapshotDecrypter | undefined;
  /** Why the last read of a commit failed. */
  unread: Map<string, FetchFailure>;
  /** Whether the newest commit goes on from the one that is applied, as it was found last. */
  ancestry: { head: string; from: string; descends: boolean } | undefined;
  underWay: Map<string, Promise<void>>;
  watching: Watching | undefined;
  over: AbortController;
}

/** What a leader knows of the repositories of its syncs. All of it may be lost: it is asked for again. */
export class Repositories {
  readonly #git: Git;
  readonly #clock: Clock;
  readonly #notice: (ref: Ref, what: string) => void;
  readonly #entries = new Map<string, Entry>();

  constructor(use: { git: Git; clock: Clock; notice: (ref: Ref, what: string) => void }) {
    this.#git = use.git;
    this.#clock = use.clock;
    this.#notice = use.notice;
  }

  state(sync: GitSync, source: SyncSource): RemoteState {
    const { state, askedMs } = this.#entry(sync, source);
    return { ...state, agoMs: this.#clock.monotonic() - askedMs };
  }

  /** `undefined`: it is to be read first. */
  snapshot(sync: GitSync, source: SyncSource, commit: string): SyncSnapshot | FetchFailure | undefined {
    const { snapshots, unread, ancestry } = this.#entry(sync, source);
    const from = baseOf(sync, commit, this.state(sync, source));
    const isKnown = from === undefined || (ancestry?.head === commit && ancestry.from === from);
    return (isKnown ? snapshots.get(commit) : undefined) ?? unread.get(commit);
  }

  /** The newest commit, where it is none that goes on from the one that is applied. */
  rewritten(sync: GitSync, source: SyncSource): string | undefined {
    const { ancestry, state } = this.#entry(sync, source);
    const head = state.head?.sha ?? '';
    const from = baseOf(sync, head, state);
    return from !== undefined && ancestry?.head === head && ancestry.from === from && !ancestry.descends
      ? head
      : undefined;
  }

  /** Asks what the newest commit is. `false`: it takes its time, and a pass is asked for at its end. */
  ask(sync: GitSync, source: SyncSource): Promise<boolean> {
    const entry = this.#entry(sync, source);
    // What is asked for while it is under way is not met by it.
    const request = sync.metadata.annotations?.[SYNC_AT];
    const met = request === undefined ? {} : { request };
    return this.#join(entry, 'the question to the repository', async (signal) => {
      entry.state = { ...entry.state, stale: false };
      // What could not be read may be there by now.
      entry.unread.clear();
      try {
        const head = await this.#git.resolve(source, signal);
        entry.watching ??= await this.#git.watch(source, () => this.#changed(entry));
        const isNew = head.sha !== entry.state.head?.sha;
        entry.state = { head, askedAt: this.#clock.now(), ...met, stale: entry.state.stale };
        if (isNew) this.#tellPeers(entry, head.sha);
      } catch (error) {
        entry.state = { ...entry.state, askedAt: this.#clock.now(), ...met, failure: failureOf(error) };
      }
      entry.askedMs = this.#clock.monotonic();
    });
  }

  /** Reads the files of a commit. `false`: it takes its time, and a pass is asked for at its end. */
  read(sync: GitSync, source: SyncSource, commit: string): Promise<boolean> {
    const entry = this.#entry(sync, source);
    return this.#join(entry, `the fetch of commit ${commit}`, async (signal) => {
      try {
        const read = await this.#git.read(source, commit, signal, entry.last);
        if (source.signers) await this.#git.verify(source, commit, source.signers, signal);
        const snapshot = entry.decrypter ? await entry.decrypter.decrypt(read, signal) : read;
        const from = baseOf(sync, commit, entry.state);
        if (from !== undefined) {
          // What nobody knows is taken for a push as any other.
          const descends = (await this.#git.descends(source, commit, from, signal)) !== false;
          entry.ancestry = { head: commit, from, descends };
        }
        entry.last = read;
        entry.snapshots.delete(commit);
        entry.snapshots.set(commit, snapshot);
        for (const old of [...entry.snapshots.keys()].slice(0, -SNAPSHOTS)) entry.snapshots.delete(old);
        entry.unread.delete(commit);
      } catch (error) {
        entry.unread.set(commit, failureOf(error));
      }
    });
  }

  /** A push was told of: its syncs look at once. */
  pushed(url: string): void {
    for (const entry of this.#entries.values()) if (urlOf(entry) === url) this.#changed(entry, 'a push was told of');
  }

  forget(uid: string): void {
    const entry = this.#entries.get(uid);
    entry?.over.abort();
    entry?.watching?.stop();
    this.#entries.delete(uid);
  }

  stop(): void {
    for (const uid of this.#entries.keys()) this.forget(uid);
  }

  /** Other syncs of the repository look at once, too: what moves from one to another is not to be missed by either. */
  #tellPeers(from: Entry, commit: string): void {
    const url = urlOf(from);
    for (const entry of this.#entries.values())
      if (entry !== from && urlOf(entry) === url && entry.state.head?.sha !== commit)
        this.#changed(entry, 'another sync has found something new');
  }

  #changed(entry: Entry, what = 'a file was saved'): void {
    entry.state = { ...entry.state, stale: true };
    this.#notice(entry.ref, what);
  }

  /** One that is of another source by now begins anew. */
  #entry(sync: GitSync, source: SyncSource): Entry {
    const { uid } = sync.metadata;
    const text = canonicalJson(source);
    const known = this.#entries.get(uid);
    if (known?.source === text) return known;
    this.forget(uid);
    const made: Entry = {
      ref: refOf(sync),
      source: text,
      state: { stale: false },
      askedMs: 0,
      snapshots: new Map(),
      last: undefined,
      decrypter: source.decryption && new SnapshotDecrypter(source.decryption),
      unread: new Map(),
      ancestry: undefined,
      underWay: new Map(),
      watching: undefined,
      over: new AbortController(),
    };
    this.#entries.set(uid, made);
    return made;
  }

  async #join(entry: Entry, what: string, call: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const running = entry.underWay.get(what) ?? this.#begin(entry, what, call);
    return endsWithin(this.#clock, WAIT_MS, running);
  }

  #begin(entry: Entry, what: string, call: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const began = this.#clock.monotonic();
    const running = call(entry.over.signal).finally(() => {
      entry.underWay.delete(what);
      if (this.#clock.monotonic() - began >= WAIT_MS && !entry.over.signal.aborted)
        this.#notice(entry.ref, `${what} has ended`);
    });
    entry.underWay.set(what, running);
    return running;
  }
}

/** The commit that the newest one of a branch has to go on from. */
function baseOf(
  { spec, status, metadata }: GitSync,
  commit: string,
  { head }: Pick<RemoteState, 'head'>,
): string | undefined {
  const { tag, semver, commit: fixed } = spec.ref;
  const applied = status?.applied?.commit;
  const mayBeAny =
    spec.forcePush === 'Follow' ||
    metadata.annotations?.[ALLOW_REWRITE] === commit ||
    (tag ?? semver ?? fixed) !== undefined;
  if (mayBeAny || applied === undefined || isFolder(applied) || isFolder(commit)) return undefined;
  return commit === head?.sha && commit !== applied ? applied : undefined;
}

const urlOf = (entry: Entry): string => (JSON.parse(entry.source) as SyncSource).url;

function failureOf(error: unknown): FetchFailure {
  if (error instanceof GitError)
    return { reason: error.reason, message: error.message, blocked: error.move === 'blocked' };
  return { reason: 'GitFailed', message: messageOf(error), blocked: false };
}

export const isFailure = (found: object | undefined): found is FetchFailure => found !== undefined && 'reason' in found;
