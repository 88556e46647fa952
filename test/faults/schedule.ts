import fc from 'fast-check';
import { findCondition, isReady } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import { isInstance } from '../../src/kinds/instance/types.ts';
import { StatusError } from '../../src/base/errors.ts';
import { DEATHS, FAILURES, JUMPS, OUTAGES, STALE_VIEWS, TAMPERING, UNSEEN_CHANGES } from '../../src/proof/faults.ts';
import { orphans, unrest, untruths } from '../../src/proof/oracles.ts';
import { SideEffects } from '../../src/proof/seam.ts';
import type { World, WorldDaemon } from '../../src/proof/world.ts';
import { mainVpc } from '../kinds/vpc/scenarios.ts';

const ROWS = new Map(
  [...DEATHS, ...FAILURES, ...OUTAGES, ...TAMPERING, ...STALE_VIEWS, ...UNSEEN_CHANGES, ...JUMPS].map((row) => [
    row.name,
    row,
  ]),
);

/** Something that happens to a cloud: a person's act, a fault at a coming side effect, or time. */
export type Event =
  | { do: 'apply'; name: string; spec: object; by: string }
  | { do: 'delete'; name: string }
  | { do: 'apply group'; desiredCount: number; spec: object }
  | { do: 'delete group' }
  | { do: 'apply balancer'; spec: object }
  | { do: 'delete balancer' }
  | { do: 'delete VPC' }
  | { do: 'apply VPC' }
  | { do: 'apply sync'; prune: boolean; suspend: boolean }
  | { do: 'delete sync' }
  /** A commit of these instances alone; without any, of a file that is no good. */
  | { do: 'push'; images: Readonly<Record<string, string>>; force: boolean }
  /** At the n-th side effect from now the row of this name. */
  | { do: 'fault'; row: string; at: number }
  | { do: 'another daemon' }
  | { do: 'wait'; ms: number };

const names = fc.constantFrom('a', 'b', 'c');
const spec = fc.record(
  {
    image: fc.constantFrom('app:1', 'app:2'),
    powerState: fc.constantFrom('Running', 'Stopped'),
    restartPolicy: fc.constantFrom('Always', 'OnFailure'),
    resources: fc.constantFrom({}, { cpus: 1 }, { cpus: 2, memory: '64Mi' }),
    env: fc.constantFrom({}, { A: '1' }),
    ports: fc.constantFrom([], ['0:80'], ['8080:80']),
    volumes: fc.constantFrom([], [{ name: 'data', mountPath: '/data' }]),
  },
  { requiredKeys: ['image'] },
);
const template = fc.record({ image: fc.constantFrom('app:1', 'app:2') }, { requiredKeys: ['image'] });
const balancer = fc.record(
  {
    idleTimeout: fc.constantFrom('30s', '60s'),
    deregistrationDelay: fc.constantFrom('0s', '5s'),
    listeners: fc.constantFrom([{ port: 9090 }], [{ port: 9090 }, { port: 9091 }]),
  },
  { requiredKeys: ['listeners'] },
);
/** One of them people change, too. */
const images = fc.dictionary(fc.constantFrom('c', 'd', 'e'), fc.constantFrom('app:1', 'app:2'), { maxKeys: 3 });
const by = fc.constantFrom('person', 'git');
const of = <E extends Event>(weight: number, event: { [K in keyof E]: fc.Arbitrary<E[K]> }) => ({
  weight,
  arbitrary: fc.record(event) as unknown as fc.Arbitrary<Event>,
});

const event: fc.Arbitrary<Event> = fc.oneof(
  of<Extract<Event, { do: 'apply' }>>(6, { do: fc.constant('apply'), name: names, spec, by }),
  of<Extract<Event, { do: 'delete' }>>(2, { do: fc.constant('delete'), name: names }),
  of<Extract<Event, { do: 'apply group' }>>(2, {
    do: fc.constant('apply group'),
    desiredCount: fc.integer({ min: 0, max: 3 }),
    spec: template,
  }),
  of<Extract<Event, { do: 'delete group' }>>(1, { do: fc.constant('delete group') }),
  of<Extract<Event, { do: 'apply balancer' }>>(2, { do: fc.constant('apply balancer'), spec: balancer }),
  of<Extract<Event, { do: 'delete balancer' }>>(1, { do: fc.constant('delete balancer') }),
  of<Extract<Event, { do: 'delete VPC' }>>(1, { do: fc.constant('delete VPC') }),
  of<Extract<Event, { do: 'apply VPC' }>>(1, { do: fc.constant('apply VPC') }),
  of<Extract<Event, { do: 'apply sync' }>>(2, {
    do: fc.constant('apply sync'),
    prune: fc.boolean(),
    suspend: fc.boolean(),
  }),
  of<Extract<Event, { do: 'delete sync' }>>(1, { do: fc.constant('delete sync') }),
  of<Extract<Event, { do: 'push' }>>(3, { do: fc.constant('push'), images, force: fc.boolean() }),
  of<Extract<Event, { do: 'fault' }>>(8, {
    do: fc.constant('fault'),
    row: fc.constantFrom(...ROWS.keys()),
    at: fc.integer({ min: 1, max: 8 }),
  }),
  of<Extract<Event, { do: 'another daemon' }>>(1, { do: fc.constant('another daemon') }),
  of<Extract<Event, { do: 'wait' }>>(4, { do: fc.constant('wait'), ms: fc.integer({ min: 0, max: 5_000 }) }),
);

/** A random life of a small cloud. */
export const events: fc.Arbitrary<Event[]> = fc.array(event, { minLength: 1, maxLength: 25 });

const REPOSITORY = 'https://git.example/cloud.git';

const filesOf = (made: Readonly<Record<string, string>>): Record<string, string> => {
  const files = Object.entries(made).map(([name, image]) => {
    const document = { kind: 'Instance', metadata: { name }, spec: { vpc: 'main', image } };
    return [`${name}.yaml`, JSON.stringify({ apiVersion: 'miniaws.dev/v1', ...document })];
  });
  return files.length === 0 ? { 'bad.yaml': 'kind: [' } : (Object.fromEntries(files) as Record<string, string>);
};

const refused = (error: unknown) => {
  if (!(error instanceof StatusError)) throw error;
};

/** One schedule: the events in order, each as soon as the one before has begun; then the faults stop, and the world is judged. */
export class Schedule {
  readonly #world: World;
  #daemon: WorldDaemon | undefined;
  #effects = new SideEffects();

  constructor(world: World) {
    this.#world = world;
  }

  /** Answers what is wrong at the end. */
  async run(schedule: readonly Event[]): Promise<string[]> {
    await this.#start();
    await this.#live().apply(mainVpc);
    for (const next of schedule) {
      await this.#do(next);
      if (this.#effects.dead) await this.#start();
    }
    return this.#recover();
  }

  #live(): WorldDaemon {
    if (!this.#daemon) throw new Error('no daemon runs');
    return this.#daemon;
  }

  async #start(): Promise<void> {
    this.#daemon?.die();
    this.#effects = new SideEffects();
    this.#daemon = await this.#world.start(this.#effects);
  }

  async #do(next: Event): Promise<void> {
    switch (next.do) {
      case 'apply': {
        const document = { kind: 'Instance', metadata: { name: next.name }, spec: { vpc: 'main', ...next.spec } };
        return void (await this.#live().apply(document, next.by, true).catch(refused));
      }
      case 'delete':
        return this.#live().delete(`Instance/default/${next.name}`);
      case 'apply group': {
        const { desiredCount, spec: made } = next;
        const bounds = { vpc: 'main', minInstances: 0, maxInstances: 3, desiredCount };
        const document = {
          kind: 'ScalingGroup',
          metadata: { name: 'g' },
          spec: { ...bounds, template: { labels: { app: 'g' }, spec: made } },
        };
        return void (await this.#live().apply(document, 'person', true).catch(refused));
      }
      case 'delete group':
        return this.#live().delete('ScalingGroup/default/g');
      case 'apply balancer': {
        const targetGroups = [
          { name: 'group', scalingGroup: 'g', targetPort: 80 },
          { name: 'named', instances: ['a', 'b'], targetPort: 80 },
        ];
        const document = {
          kind: 'LoadBalancer',
          metadata: { name: 'front' },
          spec: { vpc: 'main', targetGroups, ...next.spec },
        };
        return void (await this.#live().apply(document, 'person', true).catch(refused));
      }
      case 'delete balancer':
        return this.#live().delete('LoadBalancer/default/front');
      case 'delete VPC':
        return this.#live().delete('VPC/default/main');
      case 'apply VPC':
        return void (await this.#live().apply(mainVpc).catch(refused));
      case 'apply sync': {
        const { prune, suspend } = next;
        const spec = { url: REPOSITORY, interval: '5s', pruneGuard: '100%', forcePush: 'Follow', prune, suspend };
        const document = { kind: 'GitSync', metadata: { name: 'sync' }, spec };
        return void (await this.#live().apply(document, 'person', true).catch(refused));
      }
      case 'delete sync':
        return this.#live().delete('GitSync/default/sync');
      case 'push': {
        const files = filesOf(next.images);
        const { repositories } = this.#world;
        return void (next.force
          ? repositories.forcePush(REPOSITORY, 'main', files)
          : repositories.push(REPOSITORY, 'main', files));
      }
      case 'fault':
        return this.#effects.plan(next.at, ROWS.get(next.row)!.fault(this.#world));
      case 'another daemon':
        return this.#start();
      case 'wait':
        return this.#world.clock.advance(next.ms);
    }
  }

  /** Faults stop, a VPC is there, and nobody does anything any more. */
  async #recover(): Promise<string[]> {
    // Longer than any fault, and than the slowest rate at which blocked and failed keys are looked at again.
    await this.#world.clock.advance(60_000);
    this.#world.engine.reachable = true;
    await this.#start();
    const daemon = this.#live();
    await this.#world.clock.advance(60_000);
    if (daemon.get('VPC', 'main')?.metadata.deletionTimestamp !== undefined) {
      // It waits for what is in it, as it should: without that it goes, and may be made again.
      for (const kind of ['GitSync', 'LoadBalancer', 'ScalingGroup', 'Instance'])
        for (const r of daemon.store.cached().list(kind)) await daemon.delete(`${kind}/default/${r.metadata.name}`);
      await daemon.settle(45_000, 3_600_000);
    }
    await daemon.apply(mainVpc);
    await daemon.settle(45_000, 3_600_000);
    const found = [
      ...orphans(this.#world),
      ...untruths(this.#world, daemon),
      ...(await this.#unfinished()),
      ...(await unrest(this.#world, daemon)),
    ];
    await daemon.stop();
    return found;
  }

  /** Everything is Ready, but for what two of them cannot both have, or ended as it should. */
  async #unfinished(): Promise<string[]> {
    const { documents } = this.#world;
    const rows = new Set((await this.#world.inventory()).map((row) => row.id));
    return documents
      .flatMap((r) => {
        const name = `${r.kind}/${r.metadata.name}`;
        const ended = isInstance(r) && r.spec.restartPolicy === 'OnFailure' && r.status?.phase === 'Succeeded';
        return [
          ...(r.metadata.deletionTimestamp === undefined ? [] : [`${name} is still being deleted`]),
          ...(isReady(r) || ended || isIdle(r) || isHeld(r)
            ? []
            : [`${name} is not Ready: ${findCondition(r, 'Ready')?.message}`]),
          ...(r.status?.observedGeneration === r.metadata.generation ? [] : [`${name} was not looked at`]),
          ...(rows.delete(r.metadata.uid) || r.kind === 'GitSync' ? [] : [`${name} has no row in the inventory`]),
        ];
      })
      .concat([...rows].map((id) => `row ${id} of the inventory belongs to no document`));
  }
}

/** A load balancer in front of nothing, as far as anybody wants anything there. */
const isIdle = (r: Resource): boolean => r.kind === 'LoadBalancer' && findCondition(r, 'Ready')?.reason === 'NoTargets';

/** A sync that a person has stopped, or whose newest commit is no good, or that knows none. */
const isHeld = (r: Resource): boolean =>
  r.kind === 'GitSync' &&
  ['Suspended', 'InvalidRevision', 'FetchFailed'].includes(findCondition(r, 'Ready')?.reason ?? '');
