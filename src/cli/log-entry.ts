import type { LogEntry, Trigger } from '../api/records.ts';
import type { Colors } from './io.ts';
import { printableAll } from './io.ts';

/** Entries of the reconcile log in words. */

/** One entry as the API serves it. */
export interface ReconcileLog {
  metadata: { name: string; namespace: string; resourceVersion?: string };
  entry: LogEntry;
}

const TRIGGERS: Record<Trigger['type'], string> = {
  spec: 'changed',
  engine: 'Engine event',
  dependency: 'dependency',
  retry: 'retry',
  resync: 'regular look',
  start: 'start of the daemon',
  schedule: 'schedule',
  health: 'health check',
  metric: 'metric',
  git: 'Git',
  storage: 'stored file',
};

/** For a person: `12ms`, `3.4s`. */
export const duration = (ms: number): string => (ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(1)}s`);

export function triggerWords({ type, detail, revision, more }: Trigger): string {
  const at = revision === undefined ? '' : ` (revision ${revision})`;
  return `${TRIGGERS[type]}: ${detail}${at}${more ? ` and ${more} more` : ''}`;
}

const coloured = ({ outcome }: LogEntry, colors: Colors): string => {
  if (['reconciled', 'settled', 'deleted'].includes(outcome)) return colors.green(outcome);
  return outcome === 'progressing' ? outcome : outcome === 'waiting' ? colors.yellow(outcome) : colors.red(outcome);
};

export function resultWords(entry: LogEntry, colors: Colors): string {
  const { reason, message, attempts } = entry;
  const why = [reason, message].filter(Boolean).join(': ');
  return `${coloured(entry, colors)}${why ? `: ${why}` : ''}${attempts > 1 ? ` (${attempts} times in a row)` : ''}`;
}

export function stepWords({ step, milliseconds, result, error }: LogEntry['steps'][number], colors: Colors): string {
  const words = { done: colors.green('done'), failed: colors.red('failed'), underWay: colors.yellow('under way') };
  return `${words[result]} ${step} (${duration(milliseconds)})${error ? `: ${error}` : ''}`;
}

/** When it is tried again, from `now`: in the past it is due. */
export function nextWords(at: string, now: Date): string {
  const ms = Date.parse(at) - now.getTime();
  return ms > 0 ? `in ${duration(ms)} (${at})` : `due (${at})`;
}

/** A head line and one line for each thing told, as `reconcile-log` prints it. */
export function entryLines(told: LogEntry, colors: Colors): string[] {
  const entry = printableAll(told);
  const took = duration(Math.max(0, Date.parse(entry.endedAt) - Date.parse(entry.startedAt)));
  const who = `${entry.kind}/${entry.namespace}/${entry.name}`;
  return [
    `${colors.dim(entry.startedAt)} ${colors.bold(who)} ${resultWords(entry, colors)} after ${took}`,
    `  trigger  ${triggerWords(entry.trigger)}`,
    ...entry.difference.map((text) => `  differs  ${text}`),
    ...entry.steps.map((step) => `  step     ${stepWords(step, colors)}`),
    ...(entry.nextAttemptAt ? [`  next     ${entry.nextAttemptAt}`] : []),
  ];
}
