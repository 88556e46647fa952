import pg from 'pg';
import { PAUSED } from '../../src/api/metadata.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import type { TestDaemon } from '../support/daemon.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { atLeast, atMost, median, percentile } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import { LoadClient, postRequest } from './load-client.ts';
import { cpuSeconds, pidOf } from './observe.ts';
import type { Workshop } from './workshop.ts';

const CLIENTS = 10;
const CREATES = 1_000;
const ROUNDS = 5;
/** A daemon runs for weeks: its first seconds, in which V8 still compiles it, are no figure of it. */
const WARM_UP = 5_000;

/** One round of one side: how many a second, and the time of each in milliseconds. */
interface Round {
  perSecond: number;
  p95: number;
}

/**
 * Documents created by so many clients at once, against the very rows of those documents, each document's in one
 * statement and so in one commit, by as many clients straight to the same PostgreSQL. The documents are paused: what
 * passes write about them afterwards is not part of a create. `write/live` is the same with the passes going on.
 */
export const write: Benchmark = {
  name: 'write',
  async run(workshop) {
    const database = await workshop.database();
    const daemon = await workshop.daemon({ engine: 'simulated', database });
    await workshop.miniaws(
      daemon,
      'apply',
      '--wait',
      '-f',
      await workshop.manifests('vpc', [vpc('bench', { cidrBlock: '10.216.0.0/16' })]),
    );
    const createAll = await creator(daemon, workshop);
    const straight = await straightTo(await workshop.database(), workshop);
    await createAll('warm', WARM_UP, true);
    await straight(await rowsOf(database, 'warm'));
    const measured: { ours: Round; floor: Round }[] = [];
    let cpu = 0;
    for (let round = 0; round < ROUNDS; round++) {
      workshop.signal.throwIfAborted();
      const before = cpuSeconds(pidOf(daemon));
      const ours = await createAll(`w${round}`, CREATES, true);
      cpu += cpuSeconds(pidOf(daemon)) - before;
      measured.push({ ours, floor: await straight(await rowsOf(database, `w${round}`)) });
    }
    const live = await createAll('live', CREATES, false);
    return [...figures(measured), cpuFigure(cpu), liveFigure(live)];
  },
};

function figures(measured: readonly { ours: Round; floor: Round }[]): Figure[] {
  const rate = median(measured.map((m) => m.ours.perSecond / m.floor.perSecond));
  const p95 = median(measured.map((m) => m.ours.p95 / m.floor.p95));
  return [
    {
      name: 'write',
      value: median(measured.map((m) => m.ours.perSecond)),
      unit: 'creates/s',
      floor: median(measured.map((m) => m.floor.perSecond)),
      ratio: rate,
      samples: ROUNDS,
      goal: atLeast(rate, 0.5, 'ratio >= 0.5'),
    },
    {
      name: 'write/p95',
      value: median(measured.map((m) => m.ours.p95)),
      unit: 'ms',
      floor: median(measured.map((m) => m.floor.p95)),
      ratio: p95,
      samples: ROUNDS,
      goal: atMost(p95, 2, 'ratio <= 2'),
    },
  ];
}

/** What else the machine does hardly changes this one: it tells two versions apart where the others cannot. */
const cpuFigure = (seconds: number): Figure => ({
  name: 'write/cpu',
  value: (seconds * 1_000) / (ROUNDS * CREATES),
  unit: 'ms/create',
  samples: ROUNDS,
  note: "the daemon's CPU",
});

const liveFigure = (live: Round): Figure => ({
  name: 'write/live',
  value: live.perSecond,
  unit: 'creates/s',
  samples: 1,
  note: 'with passes under way',
});

/** Every client takes the next number when it is done with its last. */
async function shared(count: number, one: (client: number, n: number) => Promise<unknown>): Promise<Round> {
  const took: number[] = [];
  let next = 0;
  const began = performance.now();
  const work = async (client: number) => {
    for (let n = next++; n < count; n = next++) {
      const at = performance.now();
      await one(client, n);
      took.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, client) => work(client)));
  return { perSecond: count / ((performance.now() - began) / 1_000), p95: percentile(took, 95) };
}

type CreateAll = (name: string, count: number, paused: boolean) => Promise<Round>;

async function creator(daemon: TestDaemon, workshop: Workshop): Promise<CreateAll> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => LoadClient.open(daemon)));
  workshop.atEnd(() => clients.forEach((client) => client.close()));
  return (name, count, paused) => {
    const metadata = paused ? { annotations: { [PAUSED]: 'true' } } : {};
    const requests = Array.from({ length: count }, (_, n) => {
      const spec = { vpc: 'bench', image: 'bench:1', env: { N: String(n) } };
      return postRequest(daemon, pathOf('instances'), instance(`${name}-${n}`, spec, metadata));
    });
    return shared(count, async (client, n) => {
      const status = await clients[client]?.send(requests[n] as Buffer);
      if (status !== 201) throw new Error(`a create was answered ${status}`);
    });
  };
}

type Row = Record<string, unknown>;

interface DocumentRows {
  resource: Row;
  change: Row;
}

/** What the creations of one round have left in the database. */
async function rowsOf(database: TestDatabase, name: string): Promise<DocumentRows[]> {
  const resources = await database.query<Row>(`SELECT * FROM resources WHERE name LIKE $1`, [`${name}-%`]);
  const changes = await database.query<Row>(`SELECT * FROM changes WHERE key LIKE $1 AND type = 'ADDED'`, [
    `%/${name}-%`,
  ]);
  const byKey = new Map(changes.map((change) => [String(change['key']), change]));
  return resources.map((resource) => {
    const change = byKey.get([resource['kind'], resource['namespace'], resource['name']].join('/'));
    if (!change) throw new Error('a document without its change');
    return { resource, change };
  });
}

/** Commits rows, one statement a document, by as many connections as there are clients. */
async function straightTo(
  database: TestDatabase,
  workshop: Workshop,
): Promise<(rows: DocumentRows[]) => Promise<Round>> {
  const connections = Array.from({ length: CLIENTS }, () => new pg.Client({ connectionString: database.url }));
  await Promise.all(connections.map((connection) => connection.connect()));
  workshop.atEnd(async () => void (await Promise.all(connections.map((connection) => connection.end()))));
  return (rows) => {
    const statements = rows.map(statementOf);
    return shared(rows.length, async (client, n) => {
      const statement = statements[n];
      if (statement) await connections[client]?.query(statement);
    });
  };
}

function statementOf({ resource, change }: DocumentRows): pg.QueryConfig {
  const values = [...Object.values(resource), ...Object.values(change)].map(asParameter);
  let used = 0;
  const insert = (table: string, row: Row) => {
    const names = Object.keys(row);
    return `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => `$${++used}`).join(', ')})`;
  };
  const text = `WITH r AS (${insert('resources', resource)}) ${insert('changes', change)}`;
  return { name: 'document', text, values };
}

const asParameter = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !(value instanceof Date) ? JSON.stringify(value) : value;
