import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import type { Refusal } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

interface Metrics {
  kind: string;
  metadata: { name: string; namespace: string };
  timestamp?: string;
  usage?: { cpuPercent?: number; memoryBytes?: number; memoryLimitBytes?: number };
  window: { since: string; until: string; seconds: number };
  points: { time: string; samples: number; cpuPercent?: number; memoryBytes?: number }[];
}

const ALL = '/apis/miniaws.dev/v1/instancemetrics';
const OF_WEB = pathOf('instances', 'web', 'default') + '/metrics';

let leader: TestDaemon;
let standby: TestDaemon;
let dataDir: string;
beforeAll(async () => {
  const env = { MINIAWS_METRICS_INTERVAL: '1' };
  leader = await startDaemon({ engine: 'simulated', env });
  dataDir = await mkdtemp(join(tmpdir(), 'miniaws-standby-'));
  const shared = { ...env, MINIAWS_MASTER_KEY_FILE: join(leader.dataDir, 'master.key') };
  standby = await startDaemon({ engine: 'simulated', env: shared, database: leader.database, dataDir });
  await call(leader, 'POST', pathOf('vpcs'), { body: vpc('main', { cidrBlock: '10.70.0.0/24' }) });
  const resources = { cpus: 0.5, memory: '64Mi' };
  for (const [name, more] of [
    ['web', { resources }],
    ['db', {}],
    ['off', { powerState: 'Stopped' }],
  ] as const) {
    const body = instance(name, { image: 'web:1', vpc: 'main', ...more }, { labels: { app: name } });
    expect((await call(leader, 'POST', pathOf('instances'), { body })).status).toBe(201);
  }
});
afterAll(async () => {
  await standby?.stop();
  await rm(dataDir, { recursive: true, force: true });
  await leader?.stop();
});

const list = async (daemon: TestDaemon, query = '', path = ALL) =>
  (await call(daemon, 'GET', `${path}${query}`)).json<{ kind: string; items: Metrics[] }>();
const named = ({ items }: { items: Metrics[] }) => items.map(({ metadata }) => metadata.name);

describe('metrics of instances', () => {
  it.each([
    ['the leader, out of its memory', () => leader],
    ['a daemon that stands by, out of the store', () => standby],
  ])('all that run, in order, with a short history, from %s', async (_where, daemon) => {
    const web = await eventually('three samples', async () => {
      const found = await list(daemon());
      expect(found.kind).toBe('InstanceMetricsList');
      expect(named(found)).toEqual(['db', 'web']);
      return found.items.find(({ metadata, points }) => metadata.name === 'web' && points.length >= 3);
    });
    expect(web.kind).toBe('InstanceMetrics');
    expect(web.usage?.cpuPercent).toBeCloseTo(2, 0);
    expect(web.usage).toMatchObject({ memoryBytes: 4 * 2 ** 20, memoryLimitBytes: 64 * 2 ** 20 });
    expect(web.points.length).toBeLessThanOrEqual(20);
    expect(web.points.at(-1)?.memoryBytes).toBe(4 * 2 ** 20);
    expect(web.window.seconds).toBe(1);
    expect(Date.parse(web.points[0]!.time)).toBeGreaterThanOrEqual(Date.parse(web.window.since) - 1_000);
  });

  it('by labels and namespace', async () => {
    expect(named(await list(leader, '?labelSelector=app%3Ddb'))).toEqual(['db']);
    expect(named(await list(leader, '', '/apis/miniaws.dev/v1/namespaces/default/instancemetrics'))).toEqual([
      'db',
      'web',
    ]);
    expect(named(await list(leader, '', '/apis/miniaws.dev/v1/namespaces/other/instancemetrics'))).toEqual([]);
  });

  it("one's history, in at most so many points", async () => {
    const found = (await call(leader, 'GET', `${OF_WEB}?since=10m&points=3`)).json<Metrics>();
    expect(found.metadata).toMatchObject({ name: 'web', namespace: 'default' });
    expect(found.points.length).toBeLessThanOrEqual(3);
    expect(found.points.at(-1)).toMatchObject({ memoryBytes: 4 * 2 ** 20 });
    expect(found.points.at(-1)!.samples).toBeGreaterThan(1);
    expect(found.window.seconds).toBe(200);
    expect(Date.parse(found.window.until) - Date.parse(found.window.since)).toBe(600_000);
    const off = (await call(leader, 'GET', pathOf('instances', 'off') + '/metrics')).json<Metrics>();
    expect([off.points, off.usage]).toEqual([[], undefined]);
    expect((await call(leader, 'GET', `${OF_WEB}?points=100000`)).status).toBe(200);
  });

  it.each([
    [`${OF_WEB}?since=yesterday`, 400],
    [`${OF_WEB}?since=0s`, 400],
    [`${OF_WEB}?since=31d`, 400],
    [`${OF_WEB}?points=-1`, 400],
    [`${OF_WEB}?points=many`, 400],
    [`${ALL}?labelSelector=a%20b`, 400],
    [pathOf('instances', 'nobody') + '/metrics', 404],
  ])('refuses %s with %d', async (path, status) => {
    const refused = await call(leader, 'GET', path);
    expect([refused.status, refused.json<Refusal>().kind]).toEqual([status, 'Status']);
  });

  it.each([
    ['the leader', () => leader],
    ['a daemon that stands by', () => standby],
  ])('Prometheus has them at /metrics of %s', async (_where, daemon) => {
    const { text } = await call(daemon(), 'GET', '/metrics');
    expect(text).toMatch(/^miniaws_instance_memory_bytes\{namespace="default",name="web"\} 4194304$/m);
    expect(text).toMatch(/^miniaws_instance_cpu_percent\{namespace="default",name="db"\} [01]\.?\d*$/m);
    expect(text).not.toMatch(/name="off"/);
    expect(text).not.toMatch(/miniaws_instance_memory_limit_bytes\{namespace="default",name="db"/);
  });
});
