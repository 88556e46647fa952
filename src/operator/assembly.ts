import type { Resource } from '../api/metadata.ts';
import { guarded, MUTATING } from '../drivers/guarded.ts';
import { MUTATING_PROXY } from '../drivers/proxies.ts';
import { Informer } from '../engine/informer.ts';
import type { Term } from '../engine/leader.ts';
import { Manager } from '../engine/manager.ts';
import type { ManagerOptions, ManagerDeps } from '../engine/options.ts';
import type { HttpExtension } from '../http/extension.ts';
import type {
  Chore,
  Contradiction,
  KindModule,
  KindRuntime,
  MachineToken,
  RuntimeDeps,
  RuntimeModule,
} from '../kinds/shared/kind-module.ts';
import type { MetricSource } from '../kinds/shared/metric-source.ts';
import type { Store } from '../store/store.ts';
import { ImageKeeper } from './images/keeper.ts';
import { imagesExtension } from './images/route.ts';
import { orphansExtension } from './orphans-route.ts';
import { noteVolumeUses } from './volumes/note-uses.ts';
import { volumesExtension } from './volumes/route.ts';
import { Sweeper } from './sweeper.ts';

/** Who uses a volume for less is not noted: the volume's own label tells for whom it was made. */
const VOLUMES_EVERY_MS = 30_000;

/** The daemon's half of each kind, by the kind's name. */
export type Runtimes = ReadonlyMap<string, RuntimeModule>;

export interface AssemblyDeps
  extends Omit<ManagerDeps, 'informer'>, Omit<RuntimeDeps, 'view' | 'metrics' | 'notice' | keyof ManagerDeps> {
  runtimes: Runtimes;
  /** Images that a pull of ours brought and nothing uses go after so many milliseconds; 0: never. Left out, nobody looks. */
  imageRetentionMs?: number;
}

export interface Assembly {
  informer: Informer;
  manager: Manager;
  /** By the kind's name. */
  runtimes: ReadonlyMap<string, KindRuntime>;
  /** What the API serves beside the verbs that all kinds have. */
  extensions: readonly HttpExtension[];
  /** What a leading daemon does from time to time. */
  chores: readonly Chore[];
  /** What contradicts a document that says Ready, as its kind tells it. */
  contradiction: Contradiction;
  /** The document with what moves by itself, as its kind tells it. */
  live: (resource: Resource) => Promise<Resource>;
  /** What kinds measure of instances, by the metric's name. */
  metrics: ReadonlyMap<string, MetricSource>;
  /** Everything that a leader does, until its term ends. */
  lead: (term: Term) => Promise<void>;
  /** Ends what the leader does beside passes, as the end of its term does. */
  stop: () => void;
}

/** Loads the daemon's half of every kind. */
export async function loadRuntimes(modules: readonly KindModule[]): Promise<Runtimes> {
  const loaded = modules.map(async ({ definition, runtime }) => [definition.kind, await runtime()] as const);
  return new Map(await Promise.all(loaded));
}

/** How the kind that has keys lets in whoever has the machine. */
export function machineTokenOf(runtimes: Runtimes): MachineToken {
  const [found] = [...runtimes.values()].flatMap(({ machineToken }) => machineToken ?? []);
  if (!found) throw new Error('no kind has keys: nobody could be let in');
  return found;
}

/** What contradicts a document that says Ready, whatever its kind. */
export const contradictionOf =
  (runtimes: Runtimes): Contradiction =>
  (resource, compute, documents) =>
    runtimes.get(resource.kind)?.contradiction?.(resource, compute, documents);

/** The engine with every kind, over whatever store and driver there are: what the daemon runs is what a proof runs. */
export function assemble(given: AssemblyDeps, options: Partial<ManagerOptions> = {}): Assembly {
  const { store, compute, clock, log, check } = given;
  const informer = new Informer(store, given.kinds, clock, log);
  const metrics = new Map<string, MetricSource>();
  const acting = guarded(compute, MUTATING, check);
  const deps: RuntimeDeps = {
    ...given,
    compute: acting,
    proxies: guarded(given.proxies, MUTATING_PROXY, check),
    view: informer.view,
    metrics,
    notice: (ref, what, type) => manager.notice(ref, what, type),
  };
  const runtimes = new Map([...given.runtimes].map(([kind, { createRuntime }]) => [kind, createRuntime(deps)]));
  const controllers = [...runtimes.values()].flatMap(({ controller }) => controller ?? []);
  const manager: Manager = new Manager({ ...given, informer }, controllers, options);
  compute.subscribe(({ owner, what }) => manager.notice(owner, what));
  const tasks = [...runtimes.values()].flatMap(({ leaderTasks = [] }) => leaderTasks);
  const { imageRetentionMs } = given;
  const keeper =
    imageRetentionMs === undefined
      ? undefined
      : new ImageKeeper({ store, compute: acting, view: informer.view, clock, log, retentionMs: imageRetentionMs });
  const stop = () => {
    for (const task of tasks) task.stop?.();
  };
  const lead = async (term: Term) => {
    const history: Store['history'] = (ref, limit) => store.history(ref, limit);
    const sweeper = new Sweeper({ compute: acting, view: informer.view, clock, log, history });
    try {
      await Promise.all([
        manager.run(term),
        sweeper.run(term.signal),
        keeper?.run(term),
        ...tasks.map((task) => task.run?.(term)),
      ]);
    } finally {
      stop();
    }
  };
  const extensions: HttpExtension[] = [...runtimes.values(), orphansExtension, imagesExtension, volumesExtension];
  const live = async (resource: Resource) => (await runtimes.get(resource.kind)?.live?.(resource)) ?? resource;
  const contradiction = contradictionOf(given.runtimes);
  const volumes: Chore = {
    name: 'volumes',
    everyMs: VOLUMES_EVERY_MS,
    run: () => noteVolumeUses({ ...given, view: informer.view }),
  };
  const chores = [...[...runtimes.values()].flatMap((runtime) => runtime.chores ?? []), volumes];
  return { informer, manager, runtimes, extensions, chores, contradiction, live, metrics, lead, stop };
}
