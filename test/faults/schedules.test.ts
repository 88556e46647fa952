import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isReady } from '../../src/api/metadata.ts';
import { isInstance } from '../../src/api/instance.ts';
import { PassError, StatusError } from '../../src/base/errors.ts';
import { expectNoOrphans, expectQuiet, expectTruth } from '../support/oracles.ts';
import { SideEffects } from '../support/side-effects.ts';
import type { Fault } from '../support/side-effects.ts';
import { World } from '../support/world.ts';
import type { WorldDaemon } from '../support/world.ts';

/** Runs in `npm test`; `SCHEDULES=100000` makes more of them, `SEED=…` others, `REPLAY=…` with it repeats what fast-check printed. */
const RUNS = Number(process.env['SCHEDULES'] ?? 1_000);
/** The same schedules at each run of the tests, so that a red run speaks of the change that it judges. */
const SEED = Number(process.env['SEED'] ?? 20_261_122);

type Action =
  | { do: 'apply'; name: string; spec: object; by: string }
  | { do: 'delete'; name: string }
  | { do: 'delete VPC' }
  | { do: 'apply VPC' }
  | { do: 'tamper'; how: Tamper; which: number }
  | { do: 'outage'; ms: number }
  | { do: 'lose events'; how: Tamper; which: number }
  | { do: 'crash'; after: number; fault: Fault }
  | { do: 'jump'; ms: number }
  | { do: 'wait'; ms: number };

const TAMPERS = ['kill', 'remove', 'stop', 'pause', 'rename', 'disconnect', 'crash'] as const;
type Tamper = (typeof TAMPERS)[number];

const names = fc.constantFrom('a', 'b', 'c');
const spec = fc.record(
  {
    image: fc.constantFrom('app:1', 'app:2'),
    powerState: fc.constantFrom('Running', 'Stopped'),
    restartPolicy: fc.constantFrom('Always', 'OnFailure'),
    resources: fc.constantFrom({}, { cpus: 1 }, { cpus: 2, memory: '64Mi' }),
    env: fc.constantFrom({}, { A: '1' }),
    ports: fc.constantFrom([], ['0:80'], ['8080:80']),
  },
  { requiredKeys: ['image'] },
);

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      name: names,
      spec,
      by: fc.constantFrom('person', 'git'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), name: names }) },
  { weight: 1, arbitrary: fc.constant({ do: 'delete VPC' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'apply VPC' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('tamper' as const), how: fc.constantFrom(...TAMPERS), which: fc.nat(5) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('outage' as const), ms: fc.integer({ min: 1, max: 40_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('lose events' as const),
      how: fc.constantFrom(...TAMPERS),
      which: fc.nat(5),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      after: fc.integer({ min: 1, max: 8 }),
      fault: fc.constantFrom<Fault>('stop before', 'stop after', 'lose the answer', 'fail before'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('jump' as const), ms: fc.integer({ min: -3_600_000, max: 3_600_000 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 5_000 }) }) },
);

function tamper(world: World, how: Tamper, which: number): void {
  const containers = [...world.engine.containers.values()];
  const container = containers[which % Math.max(1, containers.length)];
  if (!container) return;
  const { id, state } = container;
  const running = state === 'running';
  if (how === 'kill' && running) world.engine.kill(id);
  else if (how === 'remove') world.engine.remove(id);
  else if (how === 'stop' && running) void world.engine.stop(id, 0);
  else if (how === 'pause' && running) world.engine.pause(id);
  else if (how === 'rename' && !world.engine.named(`by-hand-${which}`)) world.engine.rename(id, `by-hand-${which}`);
  else if (how === 'disconnect')
    for (const networkId of container.attachments.keys()) world.engine.disconnect(id, networkId);
  else if (how === 'crash' && running) world.engine.crash(id, 1);
}

const VPC = { kind: 'VPC', metadata: { name: 'main' }, spec: { cidrBlock: '10.1.0.0/24' } };
const refused = (error: unknown) => {
  if (!(error instanceof StatusError)) throw error;
};

/** One schedule: the actions in order, each as soon as the one before has begun; then the faults stop. */
class Schedule {
  readonly world = new World();
  #daemon: WorldDaemon | undefined;
  #effects = new SideEffects();

  async run(actions: readonly Action[]): Promise<void> {
    await this.#start(undefined);
    await this.#live().apply(VPC);
    for (const next of actions) {
      await this.#do(next);
      if (this.#effects.stopped) await this.#start(undefined);
    }
    await this.#recover();
  }

  #live(): WorldDaemon {
    if (!this.#daemon) throw new Error('no daemon runs');
    return this.#daemon;
  }

  async #start(plan: ConstructorParameters<typeof SideEffects>[0]): Promise<void> {
    this.#daemon?.die();
    this.#effects = new SideEffects(plan);
    this.#daemon = await this.world.start(this.#effects);
  }

  async #do(next: Action): Promise<void> {
    const { clock, engine } = this.world;
    switch (next.do) {
      case 'apply':
        return void (await this.#live()
          .apply(
            { kind: 'Instance', metadata: { name: next.name }, spec: { vpc: 'main', ...next.spec } },
            next.by,
            true,
          )
          .catch(refused));
      case 'delete':
        return this.#live().delete({ kind: 'Instance', namespace: 'default', name: next.name });
      case 'delete VPC':
        return this.#live().delete({ kind: 'VPC', namespace: 'default', name: 'main' });
      case 'apply VPC':
        return void (await this.#live().apply(VPC).catch(refused));
      case 'tamper':
        return tamper(this.world, next.how, next.which);
      case 'outage':
        engine.reachable = false;
        await clock.advance(next.ms);
        engine.reachable = true;
        return undefined;
      case 'lose events':
        engine.dropsEvents = true;
        tamper(this.world, next.how, next.which);
        await clock.advance(100);
        engine.dropsEvents = false;
        return undefined;
      case 'crash':
        return this.#start({
          at: next.after,
          fault: next.fault,
          error: () => new PassError('EngineUnavailable', 'connection reset'),
        });
      case 'jump':
        return clock.jump(next.ms);
      case 'wait':
        return clock.advance(next.ms);
    }
  }

  /** Faults stop, a VPC is there, and nobody does anything any more. */
  async #recover(): Promise<void> {
    this.world.engine.reachable = true;
    await this.#start(undefined);
    const daemon = this.#live();
    // Longer than the slowest rate at which blocked and failed keys, and lost events, are looked at again.
    // Not settled yet: under a VPC that is being deleted an instance may wait, and another retry for the port that it holds.
    await this.world.clock.advance(120_000);
    if (daemon.get('VPC', 'main')?.metadata.deletionTimestamp !== undefined) {
      // It waits for its instances, as it should: without them it goes, and may be made again.
      for (const r of daemon.store.cached().list('Instance'))
        await daemon.delete({ kind: 'Instance', namespace: 'default', name: r.metadata.name });
      await daemon.settle(45_000, 3_600_000);
    }
    await daemon.apply(VPC);
    await daemon.settle(45_000, 3_600_000);
    this.judge();
    await expectQuiet(this.world, daemon);
    await daemon.stop();
  }

  judge(): void {
    expectNoOrphans(this.world);
    expectTruth(this.world);
    const { resources, inventory } = this.world.database;
    for (const r of resources.values()) {
      expect(r.metadata.deletionTimestamp, `${r.kind}/${r.metadata.name} is still being deleted`).toBeUndefined();
      const ended = isInstance(r) && r.spec.restartPolicy === 'OnFailure' && r.status?.phase === 'Succeeded';
      expect(isReady(r) || ended, `${r.kind}/${r.metadata.name}: ${JSON.stringify(r.status)}`).toBe(true);
      expect(r.status?.observedGeneration).toBe(r.metadata.generation);
    }
    expect([...inventory.keys()].sort()).toEqual([...resources.values()].map((r) => r.metadata.uid).sort());
  }
}

describe('random schedules of writes, tampering, outages, crashes and time', () => {
  it(
    `I1, I2, I3, I4, I8, I14: ${RUNS} of them end in a world that equals the specs, and is quiet`,
    { timeout: 3_600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), (actions) => new Schedule().run(actions)),
        {
          numRuns: RUNS,
          seed: SEED,
          ...(process.env['REPLAY'] ? { path: process.env['REPLAY'] } : {}),
        },
      );
    },
  );

  it('found: a commit whose answer was lost left its inventory row behind for ever', () =>
    new Schedule().run([
      { do: 'apply', name: 'a', spec: { image: 'app:1', powerState: 'Stopped' }, by: 'person' },
      { do: 'crash', after: 3, fault: 'lose the answer' },
      { do: 'delete', name: 'a' },
      { do: 'wait', ms: 0 },
      { do: 'crash', after: 1, fault: 'stop before' },
    ]));

  it('found: an instance retries for a port that is held by one whose VPC is being deleted, until that is resolved', () =>
    new Schedule().run([
      { do: 'apply', name: 'b', spec: { image: 'app:1', ports: ['8080:80'] }, by: 'git' },
      { do: 'wait', ms: 1_000 },
      { do: 'delete VPC' },
      { do: 'apply', name: 'b', spec: { image: 'app:1' }, by: 'git' },
      { do: 'apply', name: 'a', spec: { image: 'app:1', ports: ['8080:80'] }, by: 'person' },
      { do: 'wait', ms: 5_000 },
    ]));
});
