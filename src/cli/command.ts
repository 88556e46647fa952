import type { Command } from 'commander';
import type { Ref, Resource } from '../api/metadata.ts';
import type { ClientSetup, Session } from './session.ts';

/** Headings of the help, in its order. */
export const COMMAND_GROUPS = [
  'What is wanted',
  'What there is',
  'What happened',
  'What an instance does',
  'Who may do what',
  'The command itself',
] as const;

/** A command of the API's client, and where the help has it. */
export interface ClientCommand {
  group: (typeof COMMAND_GROUPS)[number];
  add: (program: Command, setup: ClientSetup) => void;
  /** What may follow its names, for completion; by name, as some add more than one. */
  operands?: Readonly<Record<string, Operands>>;
  /** Its words from the second operand on are another program's: flags among them are not ours, with or without `--`. */
  runs?: string;
}

/** What stands where a command's operands are. */
export type Operands =
  /** One of these, and what may follow it. */
  | { words: readonly string[]; followedBy?: Operands }
  /** Fields, as `instance.spec.image`. */
  | { fields: true }
  | {
      /** Names of objects of such kinds; of any kind when left out. */
      kinds?: readonly string[];
      /** They are written by name alone, not as `kind/name`. */
      byName?: boolean;
      /** A kind means something without a name too. */
      kindAlone?: boolean;
      /** There may be more than one. */
      many?: boolean;
    };

export interface MetricsOptions {
  /** Milliseconds back. */
  since: number;
  points: number;
  output?: 'json';
  headers: boolean;
}

/** Prints what an object has used or carried over a time. */
export type ShowMetrics = (session: Session, ref: Ref, options: MetricsOptions) => Promise<void>;

/** How the objects of a kind are restarted. */
export interface Restart {
  /** The merge patch that asks for it. */
  patch: (at: string) => object;
  /** Whether the status speaks of this request; left out: a Ready one of its generation does. */
  isCarriedOut?: (object: Resource, at: string) => boolean;
}

export interface HistoryOptions {
  /** This one, whole. */
  revision?: number;
  /** What differs in this one from the one before. */
  diff?: number;
  limit: number;
}

export interface RollbackOptions {
  toRevision?: number;
  /** A commit, or `none`. */
  to?: string;
  /** Milliseconds. */
  for?: number;
  dryRun?: boolean;
  yes?: boolean;
  wait?: boolean;
  timeout: number;
}

/** How a kind does what a command does in another way for all others. */
export interface OwnWay<O> {
  /** Those that mean something to it; another one is refused. */
  flags: readonly (keyof O)[];
  /** A name without a kind is one of this kind. */
  byName?: boolean;
  run: (session: Session, ref: Ref, options: O) => Promise<void>;
}

/** What kinds add to the client's commands. */
export interface KindCommands {
  commands: readonly ClientCommand[];
  /** By the kind's name. */
  metrics: ReadonlyMap<string, ShowMetrics>;
  /** By the kind's name. */
  restarts: ReadonlyMap<string, Restart>;
  /** By the kind's name. */
  histories: ReadonlyMap<string, OwnWay<HistoryOptions>>;
  /** By the kind's name. */
  rollbacks: ReadonlyMap<string, OwnWay<RollbackOptions>>;
}
