import type { Ref, Resource } from '../api/metadata.ts';
import { isReady, PAUSED, refOf, titleOf } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { LogEntry } from '../api/records.ts';
import { formatAge } from '../base/quantity.ts';
import type { Colors } from './io.ts';
import { nextWords, resultWords, stepWords, triggerWords } from './log-entry.ts';

/** Entries of other kinds of cause in between do not end a chain; no person reads more of it than this. */
const LONGEST_CHAIN = 12;

/**
 * The entries that led to the present state, newest first: back to the last change that a person made, which began it. Entries
 * of an object of the same name that is gone are not part of it.
 */
export function chainOf(entries: readonly LogEntry[], uid: string | undefined): LogEntry[] {
  const mine = entries.filter((entry) => uid === undefined || entry.uid === uid).toReversed();
  const origin = mine.findIndex((entry) => entry.trigger.type === 'spec');
  return mine.slice(0, Math.min(origin === -1 ? mine.length : origin + 1, LONGEST_CHAIN));
}

/** Objects that the spec names by their kind: `vpc: main`. */
export function referredBy(kinds: KindRegistry, object: Resource): Ref[] {
  const { namespace } = object.metadata;
  return Object.entries(object.spec ?? {}).flatMap(([field, value]) => {
    const kind = kinds.byAnyName(field);
    return kind && kind.singular === field && typeof value === 'string'
      ? [{ kind: kind.kind, namespace, name: value }]
      : [];
  });
}

const ago = (time: string, now: Date): string => `${formatAge(now.getTime() - Date.parse(time))} ago`;

/** What is so now. */
export function stateLines(object: Resource, now: Date, colors: Colors): string[] {
  const { metadata, status } = object;
  const who = titleOf(refOf(object));
  const verdict = isReady(object) ? colors.green('is Ready') : colors.red('is not Ready');
  const phase = (status as { phase?: string } | undefined)?.phase;
  const conditions = (status?.conditions ?? []).flatMap((c) => [
    `  ${c.type} is ${c.status} since ${ago(c.lastTransitionTime, now)}: ${c.reason}: ${c.message}`,
    ...(c.observedGeneration === metadata.generation
      ? []
      : [`    (that speaks of generation ${c.observedGeneration}; the spec is at ${metadata.generation})`]),
  ]);
  return [
    `${who} ${verdict}${phase ? ` (${phase})` : ''}, generation ${metadata.generation}`,
    ...(metadata.deletionTimestamp ? [`  it is being deleted since ${ago(metadata.deletionTimestamp, now)}`] : []),
    ...(metadata.annotations?.[PAUSED] === 'true' ? ['  it is paused: nothing acts on it until miniaws resume'] : []),
    ...(conditions.length > 0 ? conditions : ['  nothing has acted on it yet']),
  ];
}

/** One link of the chain: what made the pass run, what differed, what was done, how it ended, what comes next. */
export function linkLines(entry: LogEntry, position: number, now: Date, colors: Colors): string[] {
  const lead = position === 0 ? 'The last pass' : 'Before that, a pass';
  return [
    `${lead}, ${ago(entry.endedAt, now)} (${entry.endedAt}), ran because of ${triggerWords(entry.trigger)}`,
    ...entry.difference.map((text) => `  it found: ${text}`),
    ...entry.steps.map((step) => `  it did: ${stepWords(step, colors)}`),
    `  it ended ${resultWords(entry, colors)}`,
    ...(position === 0 && entry.nextAttemptAt ? [`  the next attempt is ${nextWords(entry.nextAttemptAt, now)}`] : []),
  ];
}
