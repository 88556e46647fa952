import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { createDockerMeter } from '../../../src/drivers/docker/docker-meter.ts';
import { usageOf } from '../../../src/drivers/docker/engine-stats.ts';
import type { EngineStats } from '../../../src/drivers/docker/engine-stats.ts';
import { LABEL } from '../../../src/drivers/labels.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { cleanInstallation, engine, freshInstallation } from '../../support/engine.ts';
import { testImage } from '../../support/images.ts';
import { eventually } from '../../support/wait.ts';
import { fakeEngine, json } from './fake-engine.ts';

const installation = freshInstallation();
afterAll(() => cleanInstallation(installation));

/** Half a core of work, and a file of 4 MiB written and read again. */
const WORK = 'dd if=/dev/zero of=/data bs=1M count=4 2>/dev/null; cat /data >/dev/null; while :; do :; done';

async function busy(): Promise<{ id: string; startedAt: Date }> {
  const container = await engine.createContainer({
    Image: await testImage(engine),
    Cmd: ['/bin/busybox', 'sh', '-c', WORK],
    Labels: { [LABEL.installation]: installation, [LABEL.uid]: 'metered' },
    HostConfig: { NanoCpus: 0.5e9, Memory: 64 * 2 ** 20 },
  });
  await container.start();
  const { State } = await container.inspect();
  return { id: container.id, startedAt: new Date(State.StartedAt) };
}

const meterFor = (options: Parameters<typeof createDockerMeter>[0] = {}) => {
  const meter = createDockerMeter(options);
  onTestFinished(() => meter.close());
  return meter;
};

const statsOf = async (id: string): Promise<EngineStats> =>
  (await engine.getContainer(id).stats({ stream: false, 'one-shot': true })) as EngineStats;

it('the files say what the Engine says, of a container that works', async () => {
  const container = await busy();
  const meter = meterFor();
  const first = await eventually('a reading', async () => (await meter.read([container])).get(container.id));
  expect(first.memoryLimitBytes).toBe(64 * 2 ** 20);
  // The Engine counts within the second that its answer takes: what was read before and after stands around it.
  const engines = usageOf(await statsOf(container.id), systemClock)!;
  const last = (await meter.read([container])).get(container.id)!;
  expect(engines.cpuNanoseconds).toBeGreaterThanOrEqual(first.cpuNanoseconds);
  expect(engines.cpuNanoseconds).toBeLessThanOrEqual(last.cpuNanoseconds);
  const worked = await eventually('a fifth of a second of work', async () => {
    const usage = (await meter.read([container])).get(container.id)!;
    return usage.cpuNanoseconds - first.cpuNanoseconds > 0.2e9 && usage;
  });
  const cores = (worked.cpuNanoseconds - first.cpuNanoseconds) / 1e6 / (worked.monotonicMs - first.monotonicMs);
  expect(cores).toBeLessThan(0.75);
  // While it writes its file, the two are of different moments.
  await eventually('both to count the same memory', async () => {
    const told = usageOf(await statsOf(container.id), systemClock)!.memoryBytes;
    return Math.abs((await meter.read([container])).get(container.id)!.memoryBytes - told) < 2 ** 20;
  });
  for (const name of ['networkReceivedBytes', 'networkSentBytes', 'blockReadBytes', 'blockWrittenBytes'] as const) {
    expect(last[name], name).toBeDefined();
    expect(Math.abs(last[name]! - (engines[name] ?? 0)), name).toBeLessThan(64 * 1024);
  }
});

it('the Engine is asked where the files are not to be seen', async () => {
  const container = await busy();
  const nowhere = await mkdtemp(`${tmpdir()}/miniaws-no-proc-`);
  onTestFinished(() => rm(nowhere, { recursive: true }));
  const [asked, read] = [meterFor({ proc: nowhere }), meterFor()];
  const before = (await read.read([container])).get(container.id)!;
  const between = (await asked.read([container])).get(container.id)!;
  const after = (await read.read([container])).get(container.id)!;
  expect(between.cpuNanoseconds).toBeGreaterThanOrEqual(before.cpuNanoseconds);
  expect(between.cpuNanoseconds).toBeLessThanOrEqual(after.cpuNanoseconds);
  expect(between).not.toHaveProperty('memoryLimitBytes');
});

it('a start is a new life, what has ended or is not there is left out, and the others are read', async () => {
  const container = await busy();
  const meter = meterFor();
  const missing = { id: 'f'.repeat(64), startedAt: new Date(0) };
  const before = await meter.read([container, missing]);
  expect([...before.keys()]).toEqual([container.id]);
  await engine.getContainer(container.id).kill();
  await eventually('its end', async () => !(await engine.getContainer(container.id).inspect()).State.Running);
  expect((await meter.read([container])).size).toBe(0);
  await engine.getContainer(container.id).start();
  const { State } = await engine.getContainer(container.id).inspect();
  const again = { id: container.id, startedAt: new Date(State.StartedAt) };
  const after = (await meter.read([again])).get(container.id)!;
  expect(after.cpuNanoseconds).toBeLessThan(before.get(container.id)!.cpuNanoseconds + 1e9);
  expect(after.networkReceivedBytes).toBeDefined();
});

it('one inspect a start, however often it is read; an Engine that does not answer is not waited for', async () => {
  const fake = await fakeEngine();
  onTestFinished(() => fake.close());
  let inspects = 0;
  fake.on('GET /containers/web/json', (response, request) => {
    inspects++;
    json({ State: { Pid: 999_999_999 } })(response, request);
  });
  fake.on(
    'GET /containers/web/stats',
    json({ cpu_stats: { cpu_usage: { total_usage: 5 } }, memory_stats: { usage: 7 } }),
  );
  fake.on('GET /containers/gone/json', json({ message: 'No such container' }, 404));
  fake.on('GET /containers/odd/json', (response) => response.writeHead(200).end('not json'));
  const meter = meterFor({ host: fake.host });
  const all = ['web', 'gone', 'odd'].map((id) => ({ id }));
  for (let i = 0; i < 3; i++) expect([...(await meter.read(all)).keys()]).toEqual(['web']);
  expect(inspects).toBe(1);
  await meter.read([{ id: 'web', startedAt: new Date(1) }]);
  expect(inspects).toBe(2);
});
