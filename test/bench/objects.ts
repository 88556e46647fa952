import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { THREADS } from '../../src/host/threads.ts';
import { atLeast, atMost, median } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import { startNginx } from './nginx.ts';
import { daemonServer, fileWriters, objectClients, plainServer } from './object-site.ts';
import type { ObjectServer } from './object-site.ts';
import { listed, restarted } from './object-listing.ts';
import { peakMegabytes, pidOf } from './observe.ts';
import type { Workshop } from './workshop.ts';

const CLIENTS = 16;
const ROUNDS = 3;
const TRANSFERS = 64;
const GOAL_MEGABYTES = 300;

interface Size {
  name: string;
  bytes: number;
  /** Of one round. */
  puts: number;
  gets: number;
  /** Small ones are counted, large ones weighed. */
  unit: 'requests/s' | 'MB/s';
  /** Of GET, against nginx; of PUT, against files. */
  goals: { get?: number; put?: number };
}

const SIZES: readonly Size[] = [
  { name: '1k', bytes: 1 << 10, puts: 2_000, gets: 6_000, unit: 'requests/s', goals: { put: 0.5 } },
  { name: '1m', bytes: 1 << 20, puts: 400, gets: 1_600, unit: 'MB/s', goals: { get: 0.6 } },
  { name: '256m', bytes: 256 << 20, puts: 16, gets: 32, unit: 'MB/s', goals: { get: 0.9, put: 0.7 } },
];

/** Of one round: what each side has come to. */
type Round = Partial<Record<Side, number>> & { ours: number };
type Side = 'ours' | 'nginx' | 'files';

/**
 * Objects of three sizes, put and got by 16 clients: against nginx over files of the same disk, and against files that are written,
 * synced and renamed by 16 writers. What is read is in the system's cache on both sides.
 */
export const objects: Benchmark = {
  name: 'objects',
  async run(workshop) {
    // As `miniaws up` and the system's service start it.
    const daemon = await workshop.daemon({ engine: 'simulated', env: THREADS });
    const ours = await daemonServer(daemon);
    workshop.atEnd(() => ours.client.destroy());
    const bench = await Transfers.open(workshop, ours);
    const figures: Figure[] = [];
    for (const size of SIZES) figures.push(...(await bench.put(size)), ...(await bench.get(size)));
    await bench.many();
    const memory = peakMegabytes(pidOf(daemon));
    figures.push({
      name: 'objects/memory',
      value: memory,
      unit: 'MB',
      samples: 1,
      goal: atMost(memory, GOAL_MEGABYTES, `<= ${GOAL_MEGABYTES} MB`),
      note: `the daemon's peak, with ${TRANSFERS} transfers of 256 MiB at once`,
    });
    figures.push(...(await listed(daemon, ours.client, bench.clients)), await restarted(workshop, daemon));
    return figures;
  },
};

class Transfers {
  readonly clients: ReturnType<typeof objectClients>;
  readonly #workshop: Workshop;
  readonly #ours: ObjectServer;
  readonly #nginx: ObjectServer | undefined;
  readonly #files: ReturnType<typeof fileWriters>;
  readonly #folder: string;

  private constructor(workshop: Workshop, ours: ObjectServer, nginx: ObjectServer | undefined, folder: string) {
    this.#workshop = workshop;
    this.#ours = ours;
    this.#nginx = nginx;
    this.#folder = folder;
    this.clients = objectClients(workshop);
    this.#files = fileWriters(workshop, CLIENTS);
  }

  static async open(workshop: Workshop, ours: ObjectServer): Promise<Transfers> {
    const nginx = await startNginx(workshop);
    const folder = join(workshop.folder, 'files');
    await mkdir(folder);
    return new Transfers(workshop, ours, nginx && plainServer(nginx.port), folder);
  }

  async put(size: Size): Promise<Figure[]> {
    const rounds = await this.#rounds(size, size.puts, (server, round) => this.#puts(server, size, round), true);
    const figure = figureOf('put', size, rounds, 'files', size.goals.put);
    return this.#nginx ? [figure, figureOf('put', size, rounds, 'nginx', undefined)] : [figure];
  }

  async get(size: Size): Promise<Figure[]> {
    const rounds = await this.#rounds(size, size.gets, (server) => this.#gets(server, size), false);
    return [figureOf('get', size, rounds, 'nginx', size.goals.get)];
  }

  /** As many at once, half of them in each direction. */
  async many(): Promise<void> {
    const large = SIZES.at(-1) as Size;
    const requests = [];
    for (let n = 0; n < TRANSFERS / 2; n++) {
      requests.push({ head: await this.#ours.put(`many-${n}`, large.bytes), bodyBytes: large.bytes });
      requests.push({ head: await this.#ours.get(keyOf(large, 0, n % CLIENTS)), bodyBytes: 0 });
    }
    await this.clients.run({ port: this.#ours.port, clients: TRANSFERS, requests });
  }

  /** A first round warms all of them, and counts for none. */
  async #rounds(
    size: Size,
    count: number,
    requestsTo: (server: ObjectServer, round: number) => Promise<{ head: string; bodyBytes: number }[]>,
    withFiles: boolean,
  ): Promise<Round[]> {
    const rounds: Round[] = [];
    const rate = (seconds: number) => (size.unit === 'MB/s' ? (count * size.bytes) / 1e6 : count) / seconds;
    const moved = async (server: ObjectServer, round: number) => {
      const requests = await requestsTo(server, round);
      return rate((await this.clients.run({ port: server.port, clients: CLIENTS, requests })).seconds);
    };
    for (let round = 0; round <= ROUNDS; round++) {
      this.#workshop.signal.throwIfAborted();
      const measured: Round = { ours: await moved(this.#ours, round) };
      if (this.#nginx) measured.nginx = await moved(this.#nginx, round);
      if (withFiles) measured.files = rate(await this.#written(size));
      if (round > 0) rounds.push(measured);
    }
    return rounds;
  }

  async #puts(server: ObjectServer, size: Size, round: number) {
    const requests = [];
    for (let n = 0; n < size.puts; n++)
      requests.push({ head: await server.put(keyOf(size, round, n), size.bytes), bodyBytes: size.bytes });
    return requests;
  }

  /** Each client has an object of its own. */
  async #gets(server: ObjectServer, size: Size) {
    const heads = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => server.get(keyOf(size, 0, n))));
    return Array.from({ length: size.gets }, (_, n) => ({ head: heads[n % CLIENTS] ?? '', bodyBytes: 0 }));
  }

  async #written({ bytes, puts }: Size): Promise<number> {
    const orders = { folder: this.#folder, writers: CLIENTS, files: puts, bytes, hashed: bytes > 1 << 20 };
    return (await this.#files.run(orders)).seconds;
  }
}

/** Large ones replace those of the round before: they would fill the disk. */
const keyOf = ({ name, bytes }: Size, round: number, n: number): string =>
  `${name}-${bytes > 1 << 20 ? 0 : round}-${n}`;

function figureOf(
  what: 'put' | 'get',
  { name, unit }: Size,
  rounds: readonly Round[],
  side: 'nginx' | 'files',
  least: number | undefined,
): Figure {
  const figure = {
    name: `objects/${what}-${name}${what === 'put' && side === 'nginx' ? '-nginx' : ''}`,
    value: median(rounds.map((round) => round.ours)),
    unit,
    samples: rounds.length,
  };
  if (rounds.some((round) => round[side] === undefined)) return { ...figure, note: `${side} is not installed` };
  const floors = rounds.map((round) => round[side] ?? Number.NaN);
  const ratio = median(rounds.map((round, i) => round.ours / (floors[i] ?? Number.NaN)));
  return {
    ...figure,
    floor: median(floors),
    ratio,
    ...(least !== undefined && { goal: atLeast(ratio, least, `ratio >= ${least}`) }),
    note: side === 'nginx' ? 'floor: nginx' : 'floor: files, synced and renamed',
  };
}
