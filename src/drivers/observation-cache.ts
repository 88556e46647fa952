import { absent, present, unobservable, type Observed } from '../base/observed.ts';
import { sameJson } from '../base/hash.ts';
import type { Change, Container, Network, Owned, Owner, Volume } from './compute.ts';

/** Removed ids that are remembered, so that a look begun before the removal does not bring them back. */
const MAX_TOMBSTONES = 10_000;

/** When a look at the Engine began: of two looks at one thing, the one begun later is the truth. */
export type Ticket = number;

/** Objects of one type by id and by their owner's uid. */
class Shelf<T extends Network | Container> {
  readonly #byId = new Map<string, { value: T; ticket: Ticket }>();
  readonly #byUid = new Map<string, Map<string, T>>();
  readonly #tombstones = new Map<string, Ticket>();
  /** Those that could not be looked at, by id, and by their owner's uid. */
  readonly #silent = new Map<string, { owner: Owner; why: string; ticket: Ticket }>();
  readonly #silentByUid = new Map<string, Set<string>>();

  get(id: string): T | undefined {
    return this.#byId.get(id)?.value;
  }

  of(uid: string): readonly T[] {
    return [...(this.#byUid.get(uid)?.values() ?? [])];
  }

  *values(): Iterable<T> {
    for (const { value } of this.#byId.values()) yield value;
  }

  /** The look that began at `ticket` had no answer: what is known of it is not believed until a later one has. */
  silence(id: string, owner: Owner, why: string, ticket: Ticket): boolean {
    const known = Math.max(this.#byId.get(id)?.ticket ?? 0, this.#tombstones.get(id) ?? 0);
    if (known > ticket || (this.#silent.get(id)?.ticket ?? 0) > ticket) return false;
    const isNews = !this.#silent.has(id);
    this.#silent.set(id, { owner, why, ticket });
    this.#silentByUid.set(owner.uid, (this.#silentByUid.get(owner.uid) ?? new Set()).add(id));
    return isNews;
  }

  isSilent(id: string): boolean {
    return this.#silent.has(id);
  }

  /** Why nothing can be said of this owner's; `undefined`: it can. */
  silenceOf(uid: string): string | undefined {
    const [id] = this.#silentByUid.get(uid) ?? [];
    return id === undefined ? undefined : this.#silent.get(id)?.why;
  }

  /** What is there, those included of which nothing but the owner is known. */
  *owned(): Iterable<Omit<Owned, 'type'>> {
    yield* this.values();
    for (const [id, { owner }] of this.#silent) if (!this.#byId.has(id)) yield { id, name: id.slice(0, 12), owner };
  }

  /** Whether the cache changed by it. */
  put(value: T, ticket: Ticket): boolean {
    const before = this.#byId.get(value.id);
    if ((before?.ticket ?? 0) > ticket || (this.#tombstones.get(value.id) ?? 0) > ticket) return false;
    const wasSilent = this.#answered(value.id, ticket);
    if (before && before.value.owner.uid !== value.owner.uid) this.#unindex(before.value);
    this.#byId.set(value.id, { value, ticket });
    const siblings = this.#byUid.get(value.owner.uid) ?? new Map<string, T>();
    this.#byUid.set(value.owner.uid, siblings.set(value.id, value));
    return wasSilent || !before || !sameJson(comparable(before.value), comparable(value));
  }

  /** Whose it was, when it was there or was silent. */
  remove(id: string, ticket: Ticket): Owner | undefined {
    this.#bury(id, ticket);
    const silent = this.#silent.get(id)?.owner;
    const answered = this.#answered(id, ticket);
    const held = this.#byId.get(id);
    if (!held || held.ticket > ticket) return answered ? silent : undefined;
    this.#byId.delete(id);
    this.#unindex(held.value);
    return held.value.owner;
  }

  /** Removes what a list that began at `ticket` should have shown and did not; answers what and whose that was. */
  removeUnlisted(listed: ReadonlySet<string>, ticket: Ticket): { id: string; owner: Owner }[] {
    const missed = [...this.#byId, ...this.#silent].filter(([id, known]) => !listed.has(id) && known.ticket < ticket);
    return [...new Set(missed.map(([id]) => id))].flatMap((id) => {
      const owner = this.remove(id, ticket);
      return owner ? [{ id, owner }] : [];
    });
  }

  /** Whether it was silent until this look. */
  #answered(id: string, ticket: Ticket): boolean {
    const silent = this.#silent.get(id);
    if (!silent || silent.ticket > ticket) return false;
    this.#silent.delete(id);
    const siblings = this.#silentByUid.get(silent.owner.uid);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#silentByUid.delete(silent.owner.uid);
    return true;
  }

  #unindex(value: T): void {
    const siblings = this.#byUid.get(value.owner.uid);
    siblings?.delete(value.id);
    if (siblings?.size === 0) this.#byUid.delete(value.owner.uid);
  }

  #bury(id: string, ticket: Ticket): void {
    const latest = Math.max(ticket, this.#tombstones.get(id) ?? 0);
    this.#tombstones.delete(id);
    this.#tombstones.set(id, latest);
    const oldest = this.#tombstones.size > MAX_TOMBSTONES ? this.#tombstones.keys().next().value : undefined;
    if (oldest !== undefined) this.#tombstones.delete(oldest);
  }
}

/** Dates are compared by their time: `sameJson` knows JSON values only. What moves by itself is not compared. */
const comparable = (value: Network | Container): object => {
  if (!('state' in value)) return value;
  const { healthOutput: _, ...rest } = value;
  return { ...rest, startedAt: value.startedAt?.getTime(), finishedAt: value.finishedAt?.getTime() };
};

/** A call's hold on what it changes. */
export interface Hold {
  /** The call has had its effect and looks at it now. */
  looking(): void;
  release(): void;
}

/** The holds on one key, and the looks that wait for their end. */
interface Held {
  acting: number;
  looking: number;
  readonly deferred: (() => void)[];
}

/**
 * What both drivers answer observations from. It knows whether it may be believed (filled, and the Engine within
 * reach), refuses to let an older look overwrite a newer one, and tells subscribers only after it has changed.
 */
export class ObservationCache {
  readonly networks = new Shelf<Network>();
  readonly containers = new Shelf<Container>();
  readonly volumes = new Map<string, Volume>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #held = new Map<string, Held>();
  /** By the id of a foreign object that holds a name or a range: who waits for it to go. */
  readonly #waiting = new Map<string, Map<string, Owner>>();
  #tickets: Ticket = 0;
  #outage: string | undefined = 'the Engine has not been looked at yet';

  /** To be taken before the look begins. */
  ticket(): Ticket {
    return ++this.#tickets;
  }

  get outage(): string | undefined {
    return this.#outage;
  }

  /** `undefined`: it is filled and may be believed. */
  set outage(why: string | undefined) {
    this.#outage = why;
  }

  networksOf(uid: string): Observed<readonly Network[]> {
    return this.#observed(this.networks, uid);
  }

  containersOf(uid: string): Observed<readonly Container[]> {
    return this.#observed(this.containers, uid);
  }

  everything(): Observed<readonly Owned[]> {
    if (this.#outage !== undefined) return unobservable(this.#outage);
    const owned = (type: Owned['type'], { name, owner, id }: Omit<Owned, 'type'>): Owned => ({ type, id, name, owner });
    return present([
      ...[...this.containers.owned()].map((c) => owned('container', c)),
      ...[...this.networks.owned()].map((n) => owned('network', n)),
      ...[...this.volumes.values()].map((v) => owned('volume', { ...v, id: v.name })),
    ]);
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notify(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  /**
   * A call of ours is about to change this id or name, and then looks at it: what events say meanwhile is no news.
   * To be released whatever happens.
   */
  hold(key: string): Hold {
    const held = this.#held.get(key) ?? { acting: 0, looking: 0, deferred: [] };
    this.#held.set(key, held);
    held.acting++;
    let phase: 'acting' | 'looking' | 'over' = 'acting';
    const enter = (next: 'looking' | 'over') => {
      if (phase === next || phase === 'over') return;
      held[phase]--;
      phase = next;
      if (phase === 'looking') held.looking++;
      if (held.acting + held.looking > 0) return;
      this.#held.delete(key);
      for (const look of held.deferred) look();
    };
    return { looking: () => enter('looking'), release: () => enter('over') };
  }

  /**
   * An event speaks of a thing with these ids and names: `look` at it, unless a call of ours that is under way will
   * look later than now; when that look has begun already, after it.
   */
  heard(keys: readonly string[], look: () => void): void {
    const held = keys.flatMap((key) => this.#held.get(key) ?? []);
    if (held.some((h) => h.acting > 0)) return;
    if (held[0]) held[0].deferred.push(look);
    else look();
  }

  /** A call of ours on it is under way, and its caller looks at it afterwards. */
  isHeld(key: string): boolean {
    return this.#held.has(key);
  }

  /** `owner` was refused because of a foreign object: it is told when that is gone or renamed. */
  waitFor(holderId: string, owner: Owner): void {
    const waiting = this.#waiting.get(holderId) ?? new Map<string, Owner>();
    this.#waiting.set(holderId, waiting.set(owner.uid, owner));
  }

  releaseWaiting(holderId: string, what: string): void {
    const waiting = this.#waiting.get(holderId);
    this.#waiting.delete(holderId);
    for (const owner of waiting?.values() ?? []) this.notify({ owner, what });
  }

  /** One that does not answer makes its owner's unobservable, and nobody else's. */
  #observed<T extends Network | Container>(shelf: Shelf<T>, uid: string): Observed<readonly T[]> {
    const why = this.#outage ?? shelf.silenceOf(uid);
    if (why !== undefined) return unobservable(why);
    const found = shelf.of(uid);
    return found.length === 0 ? absent : present(found);
  }
}
