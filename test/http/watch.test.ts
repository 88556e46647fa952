import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, watch } from '../support/http.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
});
afterAll(() => daemon.stop());

const PATH = pathOf('instances');
/** Paused: only the test writes. */
const body = (name: string, labels: Record<string, string> = {}) =>
  instance(name, { image: 'web:1', vpc: 'none' }, { labels, annotations: { 'miniaws.dev/paused': 'true' } });
const make = async (name: string, labels = {}) =>
  (await call(daemon, 'POST', PATH, { body: body(name, labels) })).json<Resource>();
const merge = async (name: string, patch: object) =>
  (
    await call(daemon, 'PATCH', pathOf('instances', name), {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: patch,
    })
  ).json<Resource>();
const revisionOf = (r: Resource) => Number(r.metadata.resourceVersion);

describe('a watch', () => {
  it('from a revision has every later change once and in order (I7)', async () => {
    const first = await make('exact');
    for (let i = 0; i < 20; i++) await merge('exact', { metadata: { labels: { n: String(i) } } });
    const watching = await watch(
      daemon,
      `${PATH}?watch=true&resourceVersion=${revisionOf(first)}&fieldSelector=metadata.name%3Dexact`,
    );
    for (let i = 20; i < 40; i++) await merge('exact', { metadata: { labels: { n: String(i) } } });
    await watching.next('the last change', (e) => e.object.metadata.labels?.['n'] === '39');
    watching.close();
    expect(watching.events.map((e) => [e.type, e.object.metadata.labels?.['n']])).toEqual(
      Array.from({ length: 40 }, (_, i) => ['MODIFIED', String(i)]),
    );
    const revisions = watching.events.map((e) => revisionOf(e.object));
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  });

  it('without a revision begins with what there is', async () => {
    await make('there');
    const watching = await watch(daemon, `${PATH}?watch=true&fieldSelector=metadata.name%3Dthere`);
    await watching.next('what is there', (e) => e.type === 'ADDED' && e.object.metadata.name === 'there');
    watching.close();
  });

  it('by labels sees an object come when it begins to match and go when it stops', async () => {
    const watching = await watch(daemon, `${PATH}?watch=true&labelSelector=colour%3Dblue`);
    await make('chameleon', { colour: 'red' });
    await merge('chameleon', { metadata: { labels: { colour: 'blue' } } });
    await merge('chameleon', { metadata: { labels: { size: 'l' } } });
    await merge('chameleon', { metadata: { labels: { colour: 'red' } } });
    await merge('chameleon', { metadata: { labels: { colour: 'blue' } } });
    await call(daemon, 'DELETE', pathOf('instances', 'chameleon'));
    await eventually('all transitions', () => watching.events.length >= 5);
    watching.close();
    // The last is the deletion's time stamp: the document itself goes when its finalizer does (I14).
    expect(watching.events.map((e) => e.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'ADDED', 'MODIFIED']);
  });

  it('ends by itself after timeoutSeconds, with every change until then', async () => {
    const began = performance.now();
    const watching = await watch(daemon, `${PATH}?watch=true&timeoutSeconds=1&labelSelector=none%3Dhere`);
    await watching.ended;
    expect(performance.now() - began).toBeGreaterThan(950);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(watching.events).toEqual([]);
  });

  it('answers 410 to a revision beyond the newest, as after a restore', async () => {
    const watching = await watch(daemon, `${PATH}?watch=true&resourceVersion=999999999`);
    const error = await watching.next('the refusal', (e) => e.type === 'ERROR');
    expect(error.object).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
    await watching.ended;
  });

  it('answers 410 to a revision that was compacted away', async () => {
    const old = revisionOf(await make('old'));
    await merge('old', { metadata: { labels: { a: 'b' } } });
    await merge('old', { metadata: { labels: { a: 'c' } } });
    // As the compaction does, while no watcher is told: the horizon moves.
    await daemon.database.query('UPDATE revisions SET horizon = $1', [old + 1]);
    await eventually('the horizon to be known', async () => {
      const watching = await watch(daemon, `${PATH}?watch=true&timeoutSeconds=1&resourceVersion=${old}`);
      await watching.ended;
      return watching.events.some((e) => e.type === 'ERROR' && e.object.code === 410);
    });
  });

  it('as Tables has the columns in its first event only', async () => {
    const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const watching = await watch(daemon, `${PATH}?watch=true&labelSelector=tabled`, accept);
    await make('tabled', { tabled: 'yes' });
    await merge('tabled', { metadata: { labels: { more: 'yes' } } });
    await eventually('both events', () => watching.events.length >= 2);
    watching.close();
    expect(
      watching.events.map((e) => [e.object.kind, e.object.rows?.length, e.object.columnDefinitions !== undefined]),
    ).toEqual([
      ['Table', 1, true],
      ['Table', 1, false],
    ]);
  });

  it('with bookmarks tells an idle watcher how far it has seen', async () => {
    const from = revisionOf(await make('idle'));
    const watching = await watch(
      daemon,
      `${PATH}?watch=true&allowWatchBookmarks=true&resourceVersion=${from}&labelSelector=none%3Dhere`,
    );
    await make('elsewhere');
    const seen = Number((await merge('elsewhere', { metadata: { labels: { a: 'b' } } })).metadata.resourceVersion);
    const { object } = await eventually('a bookmark', () => watching.events.find((e) => e.type === 'BOOKMARK'));
    watching.close();
    expect(object).toEqual({
      kind: 'Instance',
      apiVersion: 'miniaws.dev/v1',
      metadata: { resourceVersion: String(seen) },
    });
  });

  it('that is never read disturbs neither writers nor other watchers', async () => {
    const name = 'heavy';
    await make(name);
    const mute = await Promise.all(
      Array.from({ length: 5 }, () => watch(daemon, `${PATH}?watch=true&fieldSelector=metadata.name%3D${name}`)),
    );
    for (const { response } of mute) response.removeAllListeners('data').pause();
    const reading = await watch(daemon, `${PATH}?watch=true&fieldSelector=metadata.name%3D${name}`);
    // Far more than the sockets' buffers hold.
    const ballast = 'x'.repeat(100_000);
    for (let i = 0; i < 60; i++) await merge(name, { metadata: { annotations: { ballast: `${ballast}${i}` } } });
    await reading.next('the last write', (e) => e.object.metadata.annotations?.['ballast']?.endsWith('x59') === true);
    reading.close();
    for (const one of mute) one.close();
    const memory = /^process_resident_memory_bytes (\S+)$/m.exec((await call(daemon, 'GET', '/metrics')).text)?.[1];
    expect(Number(memory)).toBeLessThan(600 * 2 ** 20);
  });
});

describe('a watch on a connection of its own', () => {
  /** Sends these requests in one write and reads until `enough`; then cuts the connection. */
  async function raw(requests: readonly string[], enough: RegExp): Promise<string> {
    const { hostname, port, host } = new URL(daemon.url);
    const socket = connect({ host: hostname, port: Number(port), ca: daemon.ca });
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    const head = `HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${daemon.token}\r\n\r\n`;
    socket.write(requests.map((request) => `${request} ${head}`).join(''));
    await eventually(`${enough} in the answers`, () => enough.test(text));
    socket.destroy();
    return text;
  }
  it('answers a HEAD with nothing but a head, and the next request on it as usual', async () => {
    const text = await raw([`HEAD ${PATH}?watch=true`, 'GET /healthz'], /\r\n\r\nok/);
    expect(text.split('HTTP/1.1 200 OK')).toHaveLength(3);
    expect(text).not.toContain('"type"');
  });
});
