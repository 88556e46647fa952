import type { AdmissionSettings, KindDefinition, View } from '../../api/kind.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { KindRegistry } from '../../api/registry.ts';
import type { Trigger } from '../../api/records.ts';
import type { Clock } from '../../base/clock.ts';
import type { Digest, Mac } from '../../base/hash.ts';
import type { Log } from '../../base/log.ts';
import type {
  ClientCommand,
  HistoryOptions,
  OwnWay,
  Restart,
  RollbackOptions,
  ShowMetrics,
} from '../../cli/command.ts';
import type { Compute } from '../../drivers/compute.ts';
import type { Git } from '../../drivers/git/git.ts';
import type { ObjectBytes } from '../../drivers/objects/bytes.ts';
import type { Meter } from '../../drivers/metering.ts';
import type { Proxies } from '../../drivers/proxies.ts';
import type { ProxyImages } from '../../drivers/proxy-image.ts';
import type { Term } from '../../engine/leader.ts';
import type { AnyController } from '../../engine/steps.ts';
import type { ApiContext } from '../../http/context.ts';
import type { HttpExtension } from '../../http/extension.ts';
import type { S3Keys, S3Service } from '../../s3/buckets.ts';
import type { Store } from '../../store/store.ts';
import type { MetricSource } from './metric-source.ts';

/** A kind, as the program takes it in: adding one is its folder, and its line in `kinds/index.ts`. */
export interface KindModule<R extends Resource = Resource> {
  /** What is true of it wherever it appears; all that the command needs. */
  definition: KindDefinition<R>;
  /** Commands of its own. */
  commands?: readonly ClientCommand[];
  /** What `miniaws metrics KIND/NAME` shows. */
  metrics?: ShowMetrics;
  /** What `miniaws restart KIND/NAME` does. */
  restart?: Restart;
  /** What `miniaws history KIND/NAME` prints, where that is more than the changes of the document. */
  history?: OwnWay<HistoryOptions>;
  /** What `miniaws rollback KIND/NAME` does, where that is not to bring a document of before back. */
  rollback?: OwnWay<RollbackOptions>;
  /** What the daemon needs of it, which loads it when it starts. */
  runtime: () => Promise<RuntimeModule>;
}

/** The `runtime.ts` of a room. */
export interface RuntimeModule {
  createRuntime: CreateRuntime;
  /** Left out by a kind of which Ready says nothing. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each is handed its own kind's documents only
  contradiction?: Contradiction<any>;
  machineToken?: MachineToken;
}

/**
 * Sees to it that whoever has the machine has a token of an administrator: this one, where it is one, else a new one. Answers
 * it. `alone`: a new one, and those that the machine had work no longer.
 */
export type MachineToken = (store: Store, clock: Clock, known: string | undefined, alone?: boolean) => Promise<string>;

/**
 * What contradicts a document that says Ready, as this daemon's own driver sees the world; `undefined`: nothing
 * does, or nothing can be seen.
 * What is made of documents alone is judged where `documents` are given: beside a pass under way, they change.
 * It asks the driver, and the documents, and not the controller, which is what is judged.
 */
export type Contradiction<R extends Resource = Resource> = (
  resource: R,
  compute: Compute,
  documents?: readonly Resource[],
) => string | undefined;

export type CreateRuntime = (deps: RuntimeDeps) => KindRuntime;

/** A kind at work in a daemon. */
export interface KindRuntime extends HttpExtension {
  /** What must be so before the daemon serves: each time that one starts. */
  prepare?: () => Promise<void>;
  /** Left out by a kind whose documents need nothing done. */
  controller?: AnyController;
  /** What S3's clients come to, of the kind that has it; and who they are, of the kind that knows. */
  s3?: (context: ApiContext) => { service?: S3Service; keys?: S3Keys };
  leaderTasks?: readonly LeaderTask[];
  chores?: readonly Chore[];
}

/** What the leading daemon does from time to time, beside passes; one that fails is done again the next time. */
export interface Chore {
  name: string;
  everyMs: number;
  run: () => Promise<unknown>;
  /** Of what is this daemon's own: it is done by each, not by the leader alone. */
  byEach?: true;
}

/** What the leader does beside passes. Everything that it knows may be lost with the term. */
interface LeaderTask {
  /** Until the term's end. */
  run?: (term: Term) => Promise<void>;
  /** At the term's end. */
  stop?: () => void;
}

/** What a kind's runtime is made of. */
export interface RuntimeDeps {
  store: Store;
  view: View;
  kinds: KindRegistry;
  /** Each call that changes the world is refused when this daemon may not make it (I9). */
  compute: Compute;
  proxies: Proxies;
  images: ProxyImages;
  git: Git;
  /** Where the bytes of objects are. */
  bytes: ObjectBytes;
  /** Before what changes the world by other ways than a driver's: throws where this daemon may not (I9). */
  check: () => void;
  clock: Clock;
  log: Log;
  settings: AdmissionSettings;
  installation: string;
  /** Names contents where they must not be shown. The same in every daemon of this installation. */
  digest: Digest;
  /** The same, whole: of what this installation alone can calculate. */
  mac: Mac;
  /** How it is known what containers use, and how often they are looked at; left out, they are not. */
  metering: { meter: Meter; intervalMs: number } | undefined;
  /** By the metric's name: what kinds measure of instances, for those that decide by it. */
  metrics: Map<string, MetricSource>;
  /** Asks for a pass. */
  notice: (ref: Ref, what: string, type: Trigger['type']) => void;
}
