import { readdir } from 'node:fs/promises';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
/** Half-sent requests: they are looked at last, when their time is over. */
let halves: { what: string; socket: TLSSocket; ended: Promise<unknown> }[];
const sockets = new Set<TLSSocket>();

beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  halves = await Promise.all(
    (
      [
        ['half a head', 'GET /apis HTTP/1.1\r\nHost: x\r\nX-Half: '],
        [
          'half a body',
          `${head('POST', pathOf('instances'))}content-type: application/json\r\ncontent-length: 100\r\n\r\n{"metadata":`,
        ],
        ['no word', ''],
      ] as const
    ).map(async ([what, text]) => {
      const socket = await open(text);
      return { what, socket, ended: new Promise((resolve) => socket.resume().once('close', resolve)) };
    }),
  );
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await daemon.stop();
});

/** Up to its last line but the empty one. */
const head = (method: string, path: string): string =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${daemon.token}\r\n`;

/** A connection of its own, on which that is sent. Nothing is read from it until someone does. */
async function open(text: string): Promise<TLSSocket> {
  const { hostname, port } = new URL(daemon.url);
  const socket = connect({ host: hostname, port: Number(port), ca: daemon.ca });
  sockets.add(socket);
  socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  socket.write(text);
  return socket;
}

const watchOf = (name: string, more = ''): string =>
  `${head('GET', `${pathOf('instances')}?watch=true&fieldSelector=metadata.name%3D${name}${more}`)}\r\n`;

/** Reads whole lines and notes the marks of the changes that they tell of. */
class Reader {
  readonly marks: number[] = [];
  #rest = '';

  constructor(socket: TLSSocket) {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const lines = (this.#rest + chunk).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        const mark = /"mark":"(\d+)"/.exec(line)?.[1];
        if (mark !== undefined) this.marks.push(Number(mark));
      }
    });
  }
}

const paused = { 'miniaws.dev/paused': 'true' };
const make = async (name: string): Promise<void> => {
  const body = instance(name, { image: 'web:1' }, { annotations: paused });
  expect((await call(daemon, 'POST', pathOf('instances'), { body })).status).toBe(201);
};
const change = async (name: string, annotations: Record<string, string>): Promise<void> => {
  const answer = await call(daemon, 'PATCH', pathOf('instances', name), {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { metadata: { annotations } },
  });
  expect(answer.status, answer.text).toBe(200);
};
const memory = async (): Promise<number> =>
  Number(/^process_resident_memory_bytes (\S+)$/m.exec((await call(daemon, 'GET', '/metrics')).text)?.[1]) / 2 ** 20;

async function inGroups<T>(count: number, of: number, one: (n: number) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < count; i += of)
    all.push(...(await Promise.all(Array.from({ length: Math.min(of, count - i) }, (_, n) => one(i + n)))));
  return all;
}

const MIB_LIMIT = 600;

describe('clients that are slow or silent', () => {
  it('1,000 watchers, of which every other one never reads: the others see all, in order', async () => {
    await make('busy');
    const watchers = await inGroups(1_000, 50, async () => open(watchOf('busy')));
    const readers = watchers.filter((_, i) => i % 2 === 0).map((socket) => new Reader(socket));
    const CHANGES = 40;
    const ballast = 'x'.repeat(20_000);
    for (let mark = 0; mark < CHANGES; mark++) {
      await change('busy', { mark: String(mark), ballast });
      // Others are answered meanwhile.
      if (mark % 10 === 0) expect((await call(daemon, 'GET', '/healthz')).status).toBe(200);
    }
    const all = Array.from({ length: CHANGES }, (_, i) => i);
    await eventually(
      'every reader to have the last',
      () => readers.every((r) => r.marks.at(-1) === CHANGES - 1),
      60_000,
    );
    // Whose watch begins after the first changes lists them first: what it sees is the end of the row.
    for (const { marks } of readers) expect(marks).toEqual(all.slice(-marks.length));
    const mib = await memory();
    process.stdout.write(`slow clients: 1,000 watchers, half of them silent: ${Math.round(mib)} MiB\n`);
    expect(mib).toBeLessThan(MIB_LIMIT);
    for (const socket of watchers) socket.destroy();
  });

  it('watchers that stand still and then read a little do not each get all that happened in one piece', async () => {
    await make('heavy');
    const watchers = await inGroups(60, 20, async () => open(watchOf('heavy')));
    const before = await memory();
    const ballast = 'x'.repeat(100_000);
    for (let mark = 0; mark < 250; mark++) await change('heavy', { mark: String(mark), ballast });
    let most = await memory();
    for (let round = 0; round < 3; round++) {
      for (const socket of watchers) {
        let read = 0;
        socket.on('data', (chunk: Buffer) => {
          read += chunk.length;
          // More than lies in the buffers on the way, so that the server goes on with what it has.
          if (read > 6 * 2 ** 20) socket.removeAllListeners('data').pause();
        });
      }
      await eventually('all to have read and stopped', () => watchers.every((socket) => socket.isPaused()));
      most = Math.max(most, await memory());
    }
    process.stdout.write(
      `slow clients: 60 that stopped behind 25 MB: ${Math.round(before)} MiB, then ${Math.round(most)} MiB at most\n`,
    );
    expect(most).toBeLessThan(MIB_LIMIT);
    for (const socket of watchers) socket.destroy();
  });

  it('a watch whose time is over ends, though its client does not read', async () => {
    await make('short');
    // The server's own descriptors: a client that does not read hears of nothing.
    const served = async () => (await readdir(`/proc/${daemon.process.pid}/fd`)).length;
    const before = await served();
    await inGroups(10, 10, async () => open(watchOf('short', '&timeoutSeconds=2')));
    const ballast = 'x'.repeat(100_000);
    for (let mark = 0; mark < 80; mark++) await change('short', { mark: String(mark), ballast });
    await eventually('their connections to be closed', async () => (await served()) <= before + 2);
  });

  it('a list that is read byte by byte holds nobody up', async () => {
    await inGroups(300, 30, (n) => make(`listed-${n}`));
    for (let n = 0; n < 40; n++) await change(`listed-${n}`, { ballast: 'x'.repeat(100_000) });
    const slow = await open(`${head('GET', pathOf('instances'))}\r\n`);
    let read = 0;
    const sip = setInterval(() => (read += (slow.read(1) as Buffer | null)?.length ?? 0), 5);
    await eventually('its first bytes', () => read > 0);
    for (let i = 0; i < 50; i++)
      expect((await call(daemon, 'GET', pathOf('instances', `listed-${i}`))).status).toBe(200);
    const { items } = (await call(daemon, 'GET', pathOf('instances'))).json<{ items: unknown[] }>();
    expect(items.length).toBeGreaterThan(300);
    clearInterval(sip);
    expect(slow.destroyed).toBe(false);
    slow.destroy();
  });

  // Last, so that their time runs while the others do: 30 s, looked at every 30 s.
  it('half a request is cut off when its time is over', async () => {
    for (const { ended } of halves) await ended;
    expect((await call(daemon, 'GET', '/healthz')).status).toBe(200);
    expect(daemon.process.exitCode).toBeNull();
    expect(daemon.log()).not.toContain('request failed');
  });
});
