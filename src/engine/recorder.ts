import { refOf } from '../api/metadata.ts';
import { sha256 } from '../base/hash.ts';
import type { EventRecord, LogEntry } from '../api/records.ts';
import type { Resource } from '../api/metadata.ts';

/** The same event, or the same failure again, is written at most this often. */
const REPEAT_MS = 10_000;
/** Objects whose last entry is remembered; beyond, the oldest are forgotten and a repetition is a new entry. */
const REMEMBERED = 20_000;
/** Longest text of an event or an entry; Engine errors can quote whole files. */
const MESSAGE = 1024;

/** Turns what passes have to say into rows, folding repetitions. One recorder a term. */
export class Recorder {
  readonly #scope: string;
  readonly #events = new Map<string, { record: EventRecord; written: number }>();
  readonly #entries = new Map<string, { entry: LogEntry; written: number }>();

  /** @param scope Sets the repetitions of one term apart from another's, which counts for itself. */
  constructor(scope: string) {
    this.#scope = scope;
  }

  /** The event to write now, or `undefined` when it was written a moment ago. */
  event(
    resource: Resource,
    what: Pick<EventRecord, 'type' | 'reason' | 'message'>,
    now: Date,
  ): EventRecord | undefined {
    const { namespace, name } = refOf(resource);
    const { uid } = resource.metadata;
    const message = shorten(what.message);
    const id = uuidOf(`${this.#scope} ${uid} ${what.type} ${what.reason} ${message}`);
    const last = this.#events.get(id);
    const seen = now.toISOString();
    const record: EventRecord = last
      ? { ...last.record, count: last.record.count + 1, lastSeen: seen }
      : {
          id,
          type: what.type,
          reason: what.reason,
          message,
          kind: resource.kind,
          namespace,
          name,
          uid,
          count: 1,
          firstSeen: seen,
          lastSeen: seen,
        };
    const due = !last || now.getTime() - last.written >= REPEAT_MS;
    remember(this.#events, id, { record, written: due ? now.getTime() : last.written });
    return due ? record : undefined;
  }

  /** The entry to write now: a new one, or the last one counting one more attempt. */
  entry(entry: LogEntry): LogEntry | undefined {
    const now = Date.parse(entry.endedAt);
    const shortened = { ...entry, ...(entry.message === undefined ? {} : { message: shorten(entry.message) }) };
    const last = this.#entries.get(entry.uid);
    const repeats = last !== undefined && sameEnd(last.entry, shortened);
    const next = repeats
      ? { ...shortened, id: last.entry.id, startedAt: last.entry.startedAt, attempts: last.entry.attempts + 1 }
      : shortened;
    const due = !repeats || now - last.written >= REPEAT_MS;
    remember(this.#entries, entry.uid, { entry: next, written: due ? now : last.written });
    return due ? next : undefined;
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
  }
}

function sameEnd(a: LogEntry, b: LogEntry): boolean {
  if (b.outcome === 'reconciled' || b.outcome === 'deleted' || b.outcome === 'progressing') return false;
  const end = (e: LogEntry) =>
    [e.generation, e.outcome, e.reason, e.message, ...e.steps.map((s) => `${s.step} ${s.error ?? ''}`)].join('\n');
  return end(a) === end(b);
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value ?? '');
}

const shorten = (text: string): string => (text.length > MESSAGE ? `${text.slice(0, MESSAGE - 1)}…` : text);

function uuidOf(text: string): string {
  const hex = sha256(text);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
