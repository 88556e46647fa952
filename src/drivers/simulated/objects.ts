import type { Timer } from '../../base/clock.ts';
import type { Container, ContainerSpec, ContainerState, OutputChunk, PublishedPort, RestartMode } from '../compute.ts';
import type { Limits } from '../container-settings.ts';
import type { Channel } from './channel.ts';
import type { Program } from './program.ts';

/** A container of the simulated Engine, whosever it is. */
export interface SimulatedContainer extends Limits {
  readonly id: string;
  readonly spec: ContainerSpec;
  /** All of its labels, those that mark the owner included. */
  readonly labels: Readonly<Record<string, string>>;
  readonly imageId: string;
  name: string;
  state: ContainerState;
  startedAt?: Date;
  finishedAt?: Date;
  exitCode?: number;
  error?: string;
  oomKilled: boolean;
  restarts: number;
  health?: NonNullable<Container['health']>;
  restart: RestartMode;
  /** By network id. */
  readonly attachments: Map<string, { address: string; aliases: readonly string[]; networkName: string }>;
  ports: readonly PublishedPort[];
  /** What was put into it since it was made, by path. */
  readonly files: Map<string, string>;
  /** What its process was told by, in order. */
  readonly signals: string[];
  readonly process: SimulatedProcess;
  readonly log: LogLine[];
  readonly followers: Set<Channel<LogLine>>;
}

/** The running side of a container: what its next start throws away. */
interface SimulatedProcess {
  program?: Program;
  timers: Set<Timer>;
  /** A person or a caller stopped it: the restart policy rests until the next start. */
  stoppedByHand: boolean;
  /** Milliseconds until the policy's next restart; doubles with each. */
  restartDelayMs: number;
  /** Failed health checks in a row. */
  failingStreak: number;
  /** Called once at its end. */
  readonly onEnd: Set<() => void>;
}

export interface LogLine extends OutputChunk {
  at: Date;
}

export interface SimulatedNetwork {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly cidrBlock: string;
  readonly gateway: string;
  readonly internal: boolean;
  /** Who has which address now: ids of running containers. */
  readonly endpoints: Map<string, string>;
}

/** As the real Engine's: it says where to look. */
export interface SimulatedEvent {
  type: 'container' | 'network';
  id: string;
  /** In the reconcile log's words. */
  words: string;
  gone?: true;
}

export const isRunning = (container: SimulatedContainer): boolean =>
  container.state === 'running' || container.state === 'paused';
