import { KubeConfig, Watch } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, watch } from '../support/http.ts';
import type { Refusal, WatchedEvent } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';

/** As client-go's reflector asks (tools/cache/reflector.go, watchList): bookmarks, everything first, nothing older. */
const REFLECTOR =
  'allowWatchBookmarks=true&resourceVersion=&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true';
const END = 'k8s.io/initial-events-end';
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  for (const name of ['b', 'a', 'c']) await call(daemon, 'POST', pathOf('vpcs'), { body: vpc(name, {}) });
});
afterAll(async () => daemon?.stop());

const isEnd = ({ type, object }: WatchedEvent): boolean =>
  type === 'BOOKMARK' && object.metadata.annotations?.[END] === 'true';

describe('a streaming list (KEP-3157)', () => {
  it('sends what is there, then a bookmark that says so, then what changes, and nothing twice', async () => {
    const stream = await watch(daemon, `${pathOf('vpcs')}?${REFLECTOR}`);
    const end = await stream.next('the end of what was there', isEnd);
    const before = stream.events.slice(0, stream.events.indexOf(end));
    expect(before.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['ADDED', 'a'],
      ['ADDED', 'b'],
      ['ADDED', 'c'],
    ]);
    expect(Number(end.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(
      Math.max(...before.map(({ object }) => Number(object.metadata.resourceVersion))),
    );
    await call(daemon, 'POST', pathOf('vpcs'), { body: vpc('d', {}) });
    await stream.next('the new one', ({ type, object }) => type === 'ADDED' && object.metadata.name === 'd');
    expect(stream.events.filter(isEnd)).toHaveLength(1);
    stream.close();
  });

  it('of nothing ends at once, and so does one of Tables, and one of events', async () => {
    const streams = [
      await watch(daemon, `${pathOf('instances')}?${REFLECTOR}`),
      await watch(daemon, `${pathOf('vpcs')}?${REFLECTOR}`, TABLE),
      await watch(daemon, `/api/v1/events?${REFLECTOR}`),
      await watch(daemon, `/apis/miniaws.dev/v1/reconcilelogs?${REFLECTOR}`),
    ];
    for (const stream of streams) {
      await stream.next('the end of what was there', isEnd);
      stream.close();
    }
  });

  it('without bookmarks has none; without initial events begins with what comes', async () => {
    const silent = await watch(
      daemon,
      `${pathOf('vpcs')}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
    );
    await silent.next('what is there', ({ object }) => object.metadata.name === 'a');
    const later = await watch(
      daemon,
      `${pathOf('instances')}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    await call(daemon, 'POST', pathOf('instances'), { body: instance('new', { image: 'app:1' }) });
    await later.next('the new one', ({ type, object }) => type === 'ADDED' && object.metadata.name === 'new');
    expect([...silent.events, ...later.events].filter(isEnd)).toEqual([]);
    silent.close();
    later.close();
  });

  it('from a revision has everything up to at least that; from one that is not there yet says so', async () => {
    const { metadata } = (await call(daemon, 'GET', pathOf('vpcs'))).json<{ metadata: { resourceVersion: string } }>();
    const from = REFLECTOR.replace('resourceVersion=&', `resourceVersion=${metadata.resourceVersion}&`);
    const stream = await watch(daemon, `${pathOf('vpcs')}?${from}`);
    const end = await stream.next('the end of what was there', isEnd);
    expect(stream.events.indexOf(end)).toBeGreaterThanOrEqual(3);
    stream.close();
    const ahead = REFLECTOR.replace('resourceVersion=&', 'resourceVersion=999999999&');
    const refused = await call(daemon, 'GET', `${pathOf('vpcs')}?${ahead}`);
    expect(refused.status).toBe(504);
    expect(refused.json<Refusal>()).toMatchObject({
      reason: 'Timeout',
      message: expect.stringContaining('Too large resource version') as string,
    });
  });

  it.each([
    ['watch=true&sendInitialEvents=true', /requires setting resourceVersionMatch to NotOlderThan/],
    ['watch=true&sendInitialEvents=true&resourceVersionMatch=Exact', /requires setting resourceVersionMatch/],
    ['watch=true&resourceVersionMatch=NotOlderThan', /forbidden for watch unless sendInitialEvents is provided/],
    ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan', /sendInitialEvents is forbidden for list/],
  ])('%s is refused, as by Kubernetes', async (query, words) => {
    const refused = await call(daemon, 'GET', `${pathOf('vpcs')}?${query}`);
    expect(refused.status).toBe(422);
    expect(refused.json<Refusal>().message).toMatch(words);
  });

  it('is understood by the JavaScript client', async () => {
    const config = new KubeConfig();
    config.loadFromFile(daemon.kubeconfigPath);
    const phases: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const options = { allowWatchBookmarks: true, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };
      void new Watch(config).watch(
        pathOf('vpcs'),
        options,
        (phase: string) => {
          phases.push(phase);
          if (phase === 'BOOKMARK') resolve();
        },
        reject,
      );
    });
    expect(phases.slice(0, 3)).toEqual(['ADDED', 'ADDED', 'ADDED']);
    expect(phases).toContain('BOOKMARK');
  });
});
