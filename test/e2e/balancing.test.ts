import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadBalancer } from '../../src/kinds/load-balancer/types.ts';
import { isReady } from '../../src/api/metadata.ts';
import type { ScalingGroup } from '../../src/kinds/scaling-group/types.ts';
import { CONFIG_PATH } from '../../src/drivers/haproxy/configuration.ts';
import type { LoadBalancerMetrics } from '../../src/kinds/load-balancer/cli/metrics.ts';
import { LABEL, shortUid } from '../../src/drivers/labels.ts';
import { run } from '../cli/support.ts';
import { Cloud } from '../support/cloud.ts';
import { call, serves } from '../support/http.ts';
import { manifest, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';
import { WebLoad } from '../support/web-load.ts';

/** Below the range from which the system gives out ports by itself. */
const [PORT, OTHER_PORT] = [28_760, 28_761];
/** Milliseconds: some instances are made and some drained and stopped, on a machine that is busy. */
const LIMIT_MS = 120_000;

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start({ env: { MINIAWS_METRICS_INTERVAL: '1' } });
  await cloud.apply(vpc('net', { cidrBlock: '10.214.60.0/24' }), group('first'), balancer(PORT));
  await settled(2);
});
afterAll(() => cloud?.close());

/** Without a count: it stays what it was. `text` is what the pages of its instances say. */
const group = (text: string, more: object = {}) =>
  manifest('ScalingGroup', 'web', {
    vpc: 'net',
    minInstances: 2,
    maxInstances: 4,
    healthCheckGracePeriod: '1s',
    strategy: { minReadySeconds: 0 },
    template: { spec: { image: cloud.image, env: { MINIAWS_INSTANCE: text }, stopGracePeriod: '2s', ...more } },
  });

const balancer = (port: number) =>
  manifest('LoadBalancer', 'front', {
    vpc: 'net',
    listeners: [{ port }],
    targetGroups: [{ name: 'app', scalingGroup: 'web', targetPort: 80 }],
    healthCheck: { path: '/', interval: '300ms', timeout: '1s', healthyThreshold: 1 },
    deregistrationDelay: '1s',
  });

const groupNow = async () => (await cloud.find('scalinggroups', 'web')) as unknown as ScalingGroup;
const balancerNow = async () => (await cloud.find('loadbalancers', 'front')) as unknown as LoadBalancer;

/** As `kubectl scale` does. */
async function scale(replicas: number): Promise<void> {
  const answer = await call(cloud.daemon, 'PATCH', `${pathOf('scalinggroups', 'web')}/scale`, {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { spec: { replicas } },
  });
  expect(answer.status, answer.text).toBe(200);
}

/** The group has arrived, its instances are the targets and all are healthy, and nothing of ours is there beside these. */
async function settled(count: number): Promise<void> {
  await eventually(
    `${count} instances behind the load balancer, and nothing else`,
    async () => {
      const [web, front] = [await groupNow(), await balancerNow()];
      const containers = await cloud.containers();
      const rows = await cloud.database.query<{ uid: string; kind: string }>('SELECT uid, kind FROM resources');
      const seen = {
        ready: [isReady(web), isReady(front)],
        instances: rows
          .filter(({ kind }) => kind === 'Instance')
          .map(({ uid }) => uid)
          .sort(),
        targets: front.status?.targets?.map((t) => `${t.uid} ${t.state}`).sort(),
        containers: containers.map((c) => `${c.Labels[LABEL.uid]} ${c.State}`).sort(),
        count: [web.status?.availableCount, web.status?.updatedCount, web.status?.currentCount],
      };
      const want = {
        ready: [true, true],
        instances: seen.instances,
        targets: seen.instances.map((uid) => `${uid} Healthy`),
        containers: [...seen.instances, front.metadata.uid].map((uid) => `${uid} running`).sort(),
        count: [count, count, count],
      };
      if (JSON.stringify(seen) === JSON.stringify(want)) return seen.instances.length === count;
      const why = { ...seen, group: web.status?.conditions, balancer: front.status };
      throw new Error(JSON.stringify(why));
    },
    LIMIT_MS,
  );
}

/** While `work` goes on, clients ask all the time, and no request of any of them fails. */
async function served(work: (load: WebLoad) => Promise<void>): Promise<WebLoad> {
  const load = new WebLoad(PORT);
  try {
    await load.more();
    await work(load);
    await load.more();
  } finally {
    await load.stop();
  }
  expect(load.failures).toEqual([]);
  expect((await balancerNow()).status?.lastChange?.failedRequests).toBe(0);
  // The clients were what they say that they are.
  expect(load.reused).toBeGreaterThan(load.requests['keep-alive'] / 2);
  return load;
}

/** A person inside the proxy's container. */
async function inProxy(script: string): Promise<string> {
  const handle = cloud.handle(await cloud.container('front'));
  const exec = await handle.exec({ Cmd: ['sh', '-c', script], User: 'root', Tty: true, AttachStdout: true });
  const output = await exec.start({ Tty: true });
  let text = '';
  for await (const chunk of output) text += String(chunk);
  return text.replaceAll('\r', '');
}

const toHaproxy = (commands: string) => inProxy(`echo '${commands}' | nc 127.0.0.1 9999`);

/** What the log says the load balancer differed in, since a revision. */
async function differences(since: string): Promise<string[]> {
  const rows = await cloud.database.query<{ difference: string[] }>(
    "SELECT difference FROM reconcile_log WHERE name = 'front' AND revision > $1 ORDER BY revision",
    [since],
  );
  return rows.flatMap(({ difference }) => difference);
}
const revision = async () => (await cloud.database.query<{ value: string }>('SELECT value FROM revisions'))[0]!.value;

const membersNow = async () =>
  (await cloud.containers())
    .filter((c) => c.Labels[LABEL.name] !== 'front')
    .map((c) => c.Id)
    .sort();

/** Two instances whose pages say `text`, whatever a test before has left. */
async function two(text: string): Promise<void> {
  await cloud.apply(group(text), balancer(PORT));
  await scale(2);
  await settled(2);
}

it('a group goes from 2 to 4 to 2 and to another template, and no request fails (I12)', async () => {
  const told = (await balancerNow()).status?.lastChange?.at;
  const load = await served(async () => {
    await scale(4);
    await settled(4);
    await scale(2);
    await settled(2);
    await cloud.apply(group('second'));
    await settled(2);
  });
  expect((await balancerNow()).status?.lastChange?.at).not.toBe(told);
  expect([...load.answered.keys()]).toEqual(['first', 'second']);
  for (const Id of await membersNow())
    expect((await cloud.handle({ Id }).inspect()).Config.Env).toContain('MINIAWS_INSTANCE=second');
  const after = await served(() => Promise.resolve());
  expect([...after.answered.keys()]).toEqual(['second']);
});

it('a template that exits at once stops the roll, says why, and is taken back by `miniaws rollback`', async () => {
  await two('steady');
  const miniaws = (...args: string[]) => run(args, { kubeconfig: cloud.daemon.kubeconfigPath });
  const before = await membersNow();
  const load = await served(async (clients) => {
    await cloud.apply(group('broken', { command: ['sh', '-c', 'echo cannot find the config; exit 3'] }));
    const words = /web-\d is CrashLoopBackOff: .*exit code 3.*2 of 2 are available.*miniaws rollback/;
    await cloud.condition(
      'scalinggroups',
      'web',
      'Ready',
      (c) => c.reason === 'RolloutFailed' && words.test(c.message),
    );
    await clients.more();
    expect(await membersNow()).toEqual(expect.arrayContaining(before));
    expect((await groupNow()).status).toMatchObject({ currentCount: 3, availableCount: 2, updatedCount: 1 });
    const back = await miniaws('rollback', 'web', '--wait', '--timeout', '30s');
    expect(back, back.err).toMatchObject({ code: 0, out: expect.stringMatching(/web rolled back to revision \d/) });
    await settled(2);
  });
  expect(await membersNow()).toEqual(before);
  expect([...load.answered.keys()]).toEqual(['steady']);
  const { out } = await miniaws('history', 'web');
  const [current, failed] = out.split('\n').filter((line) => line.startsWith('revision '));
  expect(current).toMatch(/\(current\) .*by miniaws-rollback .*completed/);
  expect(failed).toMatch(/by test .*failed: web-\d is CrashLoopBackOff: .*exit code 3/);
  expect(out).toMatch(/^\+ .*cannot find the config/m);
});

describe('what is done to the proxy by hand is made good:', () => {
  it('its container removed', async () => {
    await two('steady');
    const before = await cloud.container('front');
    const address = (await balancerNow()).status?.privateIp;
    await cloud.handle(before).remove({ force: true });
    await settled(2);
    const { status } = await balancerNow();
    expect(status).toMatchObject({ privateIp: address, containerId: (await cloud.container('front')).Id });
    expect(status?.containerId).not.toBe(before.Id);
    await served(() => Promise.resolve());
  });

  it('its stored file overwritten, and a server taken out; no request fails', async () => {
    await two('steady');
    const { Id } = await cloud.container('front');
    const file = () => inProxy(`cat ${CONFIG_PATH}`);
    const [before, worker] = [await file(), await toHaproxy('show info')];
    const since = await revision();
    await served(async () => {
      await inProxy(`echo nonsense >${CONFIG_PATH}`);
      await eventually('the file to be as before', async () => (await file()) === before);
      const [target] = (await balancerNow()).status?.targets ?? [];
      const server = `${target?.instance}-${shortUid(target?.uid ?? '')}`;
      expect((await toHaproxy(`set server app/${server} state maint`)).trim()).toBe('');
      await eventually('the server to be back', async () =>
        (await differences(since)).includes(`${target?.instance} was set to maint`),
      );
      await settled(2);
    });
    expect(await differences(since)).toContain('the stored configuration is not what it should be');
    const pid = (text: string) => /^Pid: (\d+)$/m.exec(text)?.[1];
    expect([(await cloud.container('front')).Id, pid(await toHaproxy('show info'))]).toEqual([Id, pid(worker)]);
  });
});

it('what went through it, and to each target, is kept and shown', async () => {
  await two('steady');
  await served((clients) => clients.more());
  await eventually('samples of what went through', async () => {
    const args = ['metrics', 'loadbalancer/front', '--since', '5m', '--points', '1', '-o', 'json'];
    const { out } = await run(args, { kubeconfig: cloud.daemon.kubeconfigPath });
    const { points, targets } = JSON.parse(out) as LoadBalancerMetrics;
    const asked = [points, ...targets.map((t) => t.points)].map(([point]) => point?.requestRate ?? 0);
    return asked.length === 3 && asked.every((rate) => rate > 0) && points[0]?.failedRate === 0;
  });
});

it('a change of the ports replaces the container, and the reconcile log says so', async () => {
  await two('steady');
  const { Id } = await cloud.container('front');
  const since = await revision();
  await cloud.apply(balancer(OTHER_PORT));
  await settled(2);
  expect((await cloud.container('front')).Id).not.toBe(Id);
  expect(await differences(since)).toContain(
    'the set of ports changed: clients are interrupted while the container is replaced',
  );
  await serves(OTHER_PORT, 'Hello from steady');
  await expect(fetch(`http://127.0.0.1:${PORT}/`)).rejects.toThrow();
});

it('a daemon that is killed in the middle of scaling out and of scaling in arrives, and no request fails (I3, I12)', async () => {
  await two('steady');
  await served(async () => {
    await scale(4);
    await eventually('the third instance', async () => (await membersNow()).length > 2);
    await cloud.crash();
    await settled(4);
    await scale(2);
    await eventually('one that leaves', async () => {
      const leaving = "SELECT 1 FROM resources WHERE kind = 'Instance' AND deletion_time IS NOT NULL";
      return (await cloud.database.query(leaving)).length > 0;
    });
    expect((await membersNow()).length).toBeGreaterThan(2);
    await cloud.crash();
    await settled(2);
  });
  await cloud.expectQuiet();
});
