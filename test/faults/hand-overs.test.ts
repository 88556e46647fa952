import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { isReady } from '../../src/api/metadata.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import { SimulatedEngine } from '../../src/drivers/simulated/simulated-engine.ts';
import { Person } from '../../src/proof/person.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Cloud } from '../support/cloud.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { databaseForTest } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { call } from '../support/http.ts';
import { instance, vpc } from '../support/manifests.ts';
import { randomFrom } from '../../src/proof/random.ts';
import { runs } from '../support/prove.ts';
import { seedOf } from '../support/random.ts';
import { eventually } from '../support/wait.ts';
import { Candidate } from './support/candidate.ts';
import type { Witness } from './support/candidate.ts';

const HAND_OVERS = runs(15, 50);
/** Each takes a lease's time and a daemon's start: fewer of them over the real Engine, unless more are asked for. */
const REAL_HAND_OVERS = Number(process.env['HAND_OVERS'] ?? runs(4, 12));

const ENDINGS = ['kill', 'term', 'pause'] as const;
type Ending = (typeof ENDINGS)[number];

/** What people want: some instances, of which each round one comes, one goes and one changes. */
class Wanted {
  readonly names: string[] = [];
  readonly rounds = new Map<string, string>();
  readonly #random: () => number;
  #next = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  pick(): string {
    return this.names[Math.floor(this.#random() * this.names.length)] ?? '';
  }

  add(): string {
    const name = `i-${this.#next++}`;
    this.names.push(name);
    return name;
  }

  drop(name: string): string {
    this.names.splice(this.names.indexOf(name), 1);
    this.rounds.delete(name);
    return name;
  }

  ending(): Ending {
    return ENDINGS[Math.floor(this.#random() * ENDINGS.length)] ?? 'kill';
  }
}

function begin(what: string): Wanted {
  const seed = seedOf('HAND_OVERS_SEED');
  process.stdout.write(`${what}: HAND_OVERS_SEED=${seed}\n`);
  return new Wanted(randomFrom(seed));
}

const epochIn = async (database: TestDatabase): Promise<number> =>
  Number((await database.query<{ epoch: string }>('SELECT epoch FROM leases'))[0]?.epoch ?? 0);

describe('daemons over one PostgreSQL and one Engine in memory (F9, I9)', () => {
  it(`hand over ${HAND_OVERS} times while instances come and go`, { timeout: 600_000 }, async () => {
    const wanted = begin('hand-overs');
    const database = await databaseForTest();
    const engine = new SimulatedEngine();
    engine.latencyMs = 5;
    const witness: Witness = { fenced: [], refused: 0, calls: 0, astray: [] };
    const living: Candidate[] = [];
    const killed: Candidate[] = [];
    let started = 0;
    const start = async () => {
      const candidate = await Candidate.start(`c${started++}`, database.url, engine, witness, () => living);
      living.push(candidate);
      return candidate;
    };
    onTestFinished(async () => {
      for (const candidate of living) await candidate.stop();
      for (const candidate of killed) await candidate.bury();
    });
    const leader = () => eventually('a leader', () => living.find((candidate) => candidate.leader.isLeading()));
    await start();
    await start();
    const observer = await start();
    const person = new Person(observer.store, systemClock, KINDS);
    const apply = (name: string, round: string) => {
      wanted.rounds.set(name, round);
      return person.apply(instance(name, { image: 'web:1', vpc: 'net', env: { ROUND: round } }), 'person', true);
    };
    await person.apply(vpc('net', { cidrBlock: '10.0.0.0/20' }));
    for (let i = 0; i < 6; i++) await apply(wanted.add(), '-');

    const began = performance.now();
    const epochs = [await epochIn(database)];
    const counts = { kill: 0, term: 0, pause: 0 };
    for (let round = 0; round < HAND_OVERS; round++) {
      const first = await leader();
      await apply(wanted.add(), `${round}`);
      await apply(wanted.pick(), `${round}`);
      const gone = wanted.drop(wanted.pick());
      await person.delete({ kind: 'Instance', namespace: 'default', name: gone });
      const ending = first === observer ? 'pause' : wanted.ending();
      counts[ending]++;
      if (ending === 'kill') {
        first.kill();
        living.splice(living.indexOf(first), 1);
        killed.push(first);
        await start();
      } else if (ending === 'term') {
        await Promise.all([first.stop(), start()]);
        living.splice(living.indexOf(first), 1);
      } else first.pause();
      await eventually('another to lead', () => living.some((c) => c !== first && c.leader.isLeading()));
      if (ending === 'pause') first.goOn();
      epochs.push(await epochIn(database));
    }
    process.stdout.write(
      `hand-overs: ${HAND_OVERS} (${JSON.stringify(counts)}) in ${Math.round((performance.now() - began) / 1_000)} s, ` +
        `epochs ${epochs[0]} to ${epochs.at(-1)}, ${witness.calls} calls, ${witness.fenced.length} writes of passes, ${witness.refused} refused\n`,
    );

    // Epochs only grow, no write of a passed leader landed, and nobody called the Engine while another led.
    for (const [i, epoch] of epochs.slice(1).entries()) expect(epoch).toBeGreaterThan(epochs[i] ?? Infinity);
    const inOrder = witness.fenced.toSorted((a, b) => a.revision - b.revision).map(({ epoch }) => epoch);
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
    expect(witness.astray).toEqual([]);
    await eventually(
      'the world to be as asked for',
      async () => {
        const documents = [...(await observer.store.current()).list('Instance')];
        expect(
          documents
            .filter(isReady)
            .map((r) => r.metadata.name)
            .sort(),
        ).toEqual([...wanted.names].sort());
        expect(documents).toHaveLength(wanted.names.length);
        return true;
      },
      30_000,
    );
    // Same end, no orphan, truthful status.
    const containers = [...engine.containers.values()];
    expect(containers.map((c) => `${c.labels[LABEL.name]} ${c.state} ${c.spec.env?.['ROUND']}`).sort()).toEqual(
      wanted.names.map((name) => `${name} running ${wanted.rounds.get(name)}`).sort(),
    );
    const documents = [...observer.store.cached().all()];
    const uids = new Set(documents.map((r) => r.metadata.uid));
    expect(containers.filter((c) => !uids.has(c.labels[LABEL.uid] ?? ''))).toEqual([]);
    expect([...engine.networks.byId.values()].map((n) => n.labels[LABEL.name])).toEqual(['net']);
    expect(documents.map((r) => observer.parts.contradiction(r, observer.compute, documents)).filter(Boolean)).toEqual(
      [],
    );
    for (const r of documents) expect(r.status?.observedGeneration).toBe(r.metadata.generation);
    // Quiet: looks at everything, of which there is one each half second, change nothing.
    const passes = () => living.flatMap((c) => [...c.parts.manager.passes()]).reduce((sum, p) => sum + p.count, 0);
    const quiet = async () => JSON.stringify([witness.calls, (await observer.store.current()).revision]);
    await eventually('a world in which nothing is left to be done', async () => {
      const [before, from] = [await quiet(), passes()];
      await eventually('two more looks', () => passes() >= from + 2 * documents.length);
      return (await quiet()) === before;
    });
    await leader();
  });
});

describe('real daemons over one PostgreSQL and the real Engine (F9, I9)', () => {
  let cloud: Cloud | undefined;
  afterAll(() => cloud?.close());

  it(`hand over ${REAL_HAND_OVERS} times while instances come and go`, { timeout: 1_200_000 }, async () => {
    const wanted = begin('real hand-overs');
    cloud = await Cloud.start();
    const { image, database } = cloud;
    const world = cloud;
    let first = world.daemon;
    let second = await world.startDaemon();
    const leads = async (daemon: TestDaemon) =>
      /^miniaws_leader 1$/m.test((await call(daemon, 'GET', '/metrics')).text);
    const apply = async (name: string, round: string) => {
      wanted.rounds.set(name, round);
      await world.apply(instance(name, { image, vpc: 'net', stopGracePeriod: '0s', env: { ROUND: round } }));
    };
    await world.apply(vpc('net', { cidrBlock: '10.215.16.0/24' }));
    for (let i = 0; i < 4; i++) await apply(wanted.add(), '-');
    await eventually('the first one to lead', () => leads(first));

    const began = performance.now();
    const epochs = [await epochIn(database)];
    const counts = { kill: 0, term: 0, pause: 0 };
    for (let round = 0; round < REAL_HAND_OVERS; round++) {
      const old = first;
      // At the one that stands by: requests are anyone's.
      world.use(second);
      await Promise.all([apply(wanted.add(), `${round}`), apply(wanted.pick(), `${round}`)]);
      await world.remove('instances', wanted.drop(wanted.pick()));
      const ending = wanted.ending();
      counts[ending]++;
      if (ending === 'pause') old.process.kill('SIGSTOP');
      else if (ending === 'kill') await old.kill();
      else old.process.kill('SIGTERM');
      // One that is stopped in the middle of a transaction holds the revision's lock until the database ends it.
      await eventually('the other one to lead', () => leads(second));
      if (ending === 'pause') old.process.kill('SIGCONT');
      epochs.push(await epochIn(database));
      // Not before: a third one may be as quick as the second.
      [first, second] = [second, ending === 'pause' ? old : await world.startDaemon()];
    }
    process.stdout.write(
      `real hand-overs: ${REAL_HAND_OVERS} (${JSON.stringify(counts)}) in ${Math.round((performance.now() - began) / 1_000)} s, epochs ${epochs[0]} to ${epochs.at(-1)}\n`,
    );

    for (const [i, epoch] of epochs.slice(1).entries()) expect(epoch).toBeGreaterThan(epochs[i] ?? Infinity);
    world.use(first);
    await world.judge(['net'], wanted.names);
    for (const name of wanted.names)
      expect((await world.container(name)).Config.Env).toContain(`ROUND=${wanted.rounds.get(name)}`);
    // No write of a passed leader landed over its successor's.
    const generations = await database.query<{ n: string }>(
      `SELECT count(*) AS n FROM (
         SELECT (object->'status'->>'observedGeneration')::int AS now,
                lag((object->'status'->>'observedGeneration')::int) OVER (PARTITION BY object->'metadata'->>'uid' ORDER BY revision) AS before
         FROM changes) AS seen WHERE now < before`,
    );
    expect(generations).toEqual([{ n: '0' }]);
    const documents = await Promise.all(wanted.names.map((name) => world.instance(name)));
    for (const { metadata, status } of documents) expect(status?.observedGeneration).toBe(metadata.generation);
  });
});
