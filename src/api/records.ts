/** An event as people see it in `describe`; the API serves it as core/v1 Event. */
export interface EventRecord {
  /** Deterministic from what is said of whom, so that a repetition counts up instead of adding a row. */
  id: string;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  count: number;
  firstSeen: string;
  lastSeen: string;
}

/** What made a pass run: the first cause, and how many more had come by the time it ran. */
export interface Trigger {
  type:
    | 'spec'
    | 'engine'
    | 'dependency'
    | 'retry'
    | 'resync'
    | 'start'
    | 'schedule'
    | 'health'
    | 'metric'
    | 'git'
    | 'storage';
  /** For a person: `admin applied generation 2`, `container died (exit 137)`. */
  detail: string;
  /** The revision of the change that caused it, when one did. */
  revision?: number;
  more?: number;
}

export interface StepRecord {
  /** The step in words, as `diff` prints it too. Names of secrets' holders, never values. */
  step: string;
  /** Until its end; of one that is under way, until the pass left it to itself. */
  milliseconds: number;
  result: 'done' | 'failed' | 'underWay';
  error?: string;
}

type OutcomeName = 'reconciled' | 'progressing' | 'waiting' | 'blocked' | 'retrying' | 'deleted';

/** One pass that did or failed something: what people watch. */
export interface LogEntry {
  id: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  generation: number;
  trigger: Trigger;
  /** What differed, in words, before the pass acted. */
  difference: readonly string[];
  steps: readonly StepRecord[];
  outcome: OutcomeName;
  /** One of PASS_REASONS, or the reason of the Ready condition. */
  reason?: string;
  message?: string;
  /** How many passes in a row ended the same way; the entry is updated, not repeated. */
  attempts: number;
  startedAt: string;
  endedAt: string;
  nextAttemptAt?: string;
}

/** A record as it travels in a feed: what was committed, at which revision. */
export interface Recorded<T> {
  revision: number;
  record: T;
}
