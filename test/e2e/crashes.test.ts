import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start();
  await cloud.apply(vpc('net', { cidrBlock: '10.215.3.0/24' }));
});
afterAll(() => cloud?.close());

const spec = (more: object = {}) => ({ image: cloud.image, vpc: 'net', stopGracePeriod: '0s', ...more });

it('a process that is killed is started again by the Engine, and the instance is Ready again by itself (F7, I8)', async () => {
  await cloud.apply(instance('killed', spec()));
  await cloud.ready('instances', 'killed');
  const before = await cloud.container('killed');
  process.kill(before.State.Pid, 'SIGKILL');
  const said = await cloud.condition('instances', 'killed', 'Ready', (c) => c.reason === 'Restarted');
  expect(said.message).toContain('ended with exit code 137 and was restarted 1 time');
  await cloud.ready('instances', 'killed');
  const after = await cloud.container('killed');
  expect([after.Id, after.RestartCount, after.State.Running]).toEqual([before.Id, 1, true]);
  expect((await cloud.instance('killed')).status).toMatchObject({ phase: 'Running', restarts: 1 });
});

it('a crash loop says so, with the exit code and what the process wrote last; the fixed one recovers (F13)', async () => {
  await cloud.apply(instance('loop', spec({ command: ['sh', '-c', 'echo cannot find the config; exit 3'] })));
  const said = await cloud.condition('instances', 'loop', 'Degraded', (c) => c.reason === 'CrashLoopBackOff');
  expect(said.message).toContain('ended with exit code 3');
  const { status } = await cloud.instance('loop');
  expect(status).toMatchObject({ phase: 'CrashLoopBackOff', lastExitCode: 3 });
  expect(status?.lastLog?.at(-1)).toBe('cannot find the config');
  await cloud.patch('instances', 'loop', { spec: { command: null } });
  await cloud.ready('instances', 'loop');
  expect((await cloud.instance('loop')).status?.lastLog).toBeUndefined();
});

it('a program that is not there is a condition that names it, and the corrected one starts', async () => {
  await cloud.apply(instance('absent', spec({ command: ['/no/such/program'] })));
  const said = await cloud.condition('instances', 'absent', 'Degraded', (c) => c.reason === 'CrashLoopBackOff');
  expect(said.message).toContain('exit code 127 (the command was not found)');
  expect((await cloud.instance('absent')).status?.lastLog?.at(-1)).toContain('/no/such/program');
  await cloud.patch('instances', 'absent', { spec: { init: false } });
  const refused = await cloud.condition('instances', 'absent', 'Ready', (c) => c.reason === 'StartFailed');
  expect(refused.message).toContain('/no/such/program');
  await cloud.patch('instances', 'absent', { spec: { command: null } });
  await cloud.ready('instances', 'absent');
});

it('Never and OnFailure end as their names say', async () => {
  await cloud.apply(
    instance('once', spec({ command: ['true'], restartPolicy: 'Never' })),
    instance('failed', spec({ command: ['false'], restartPolicy: 'Never' })),
    instance('done', spec({ command: ['true'], restartPolicy: 'OnFailure' })),
  );
  for (const [name, phase] of [
    ['once', 'Succeeded'],
    ['failed', 'Failed'],
    ['done', 'Succeeded'],
  ] as const)
    await eventually(`${name} to be ${phase}`, async () => (await cloud.instance(name)).status?.phase === phase);
  const ids = async () =>
    Promise.all(['once', 'failed', 'done'].map(async (n) => (await cloud.container(n)).State.StartedAt));
  const before = await ids();
  await cloud.remove('instances', 'loop', 'absent');
  await cloud.gone('instances', 'loop', 'absent');
  await cloud.expectQuiet();
  expect(await ids()).toEqual(before);
});

it.each([
  ['http', { http: { port: 80, path: '/healthy.html' } }],
  ['command', { command: ['test', '-e', '/www/healthy.html'] }],
])('a health check by %s decides on Ready both ways, and restarts nothing', async (kind, check) => {
  const name = `health-${kind}`;
  await cloud.apply(instance(name, spec({ healthCheck: { ...check, interval: '300ms', timeout: '1s', retries: 2 } })));
  await cloud.condition(
    'instances',
    name,
    'Ready',
    (c) => c.status === 'False' && /^(Unhealthy|HealthCheckPending)$/.test(c.reason),
  );
  const { Id } = await cloud.container(name);
  await cloud.exec(name, 'touch', '/www/healthy.html');
  await cloud.ready('instances', name);
  expect((await cloud.instance(name)).status?.health).toBe('Healthy');
  await cloud.exec(name, 'rm', '/www/healthy.html');
  await cloud.condition('instances', name, 'Ready', (c) => c.reason === 'Unhealthy');
  expect((await cloud.container(name)).Id).toBe(Id);
});

it('a tcp check is healthy once the port takes connections', async () => {
  const command = ['sh', '-c', 'sleep 1; exec nc -ll -p 7000 -e true'];
  await cloud.apply(instance('tcp', spec({ command, healthCheck: { tcp: { port: 7000 }, interval: '300ms' } })));
  await cloud.condition('instances', 'tcp', 'Ready', (c) => c.reason === 'HealthCheckPending');
  await cloud.ready('instances', 'tcp');
});
