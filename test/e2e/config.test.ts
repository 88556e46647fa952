import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { call } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

const PASSWORD = 'pl4nted-password';
/** Says when it finds a file missing, or anything but one version of it. */
const READER = `trap 'echo told' HUP
while true; do
  found=$(sort -u /conf/big | tr -d '\\n')
  case "$found" in one|two|three) ;; *) echo "torn: $found";; esac
  sleep 0.01
done`;
const big = (word: string) => `${word}\n`.repeat(20_000);

let cloud: Cloud;

async function given(kind: 'configmaps' | 'secrets', name: string, data: Record<string, string>): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: kind === 'secrets' ? 'Secret' : 'ConfigMap',
    metadata: { name },
    [kind === 'secrets' ? 'stringData' : 'data']: data,
  };
  const path = `/api/v1/namespaces/default/${kind}/${name}?fieldManager=test&force=true`;
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  const answer = await call(cloud.daemon, 'PATCH', path, { headers, body });
  expect([200, 201], answer.text).toContain(answer.status);
}
const inside = async (name: string, script: string) => (await cloud.exec(name, 'sh', '-c', script)).stdout.trim();
const output = async (name: string) => (await call(cloud.daemon, 'GET', `${pathOf('instances', name)}/log`)).text;

beforeAll(async () => {
  cloud = await Cloud.start();
  await given('configmaps', 'app', { big: big('one'), 'app.conf': 'level ${env.LEVEL} for ${name} at ${address}' });
  await given('secrets', 'db', { PASSWORD });
  const base = { image: cloud.image, vpc: 'net', stopGracePeriod: '0s' };
  const sleeper = { ...base, command: ['sleep', '1000'] };
  await cloud.apply(
    vpc('net', { cidrBlock: '10.214.92.0/24' }),
    instance('told', {
      ...base,
      command: ['sh', '-c', READER],
      files: [{ path: '/conf/big', configMap: 'app', key: 'big', onChange: { signal: 'HUP' } }],
    }),
    instance('files', {
      ...sleeper,
      // What a process sees at its start.
      command: ['sh', '-c', 'cat /etc/app.conf > /tmp/at-start; sleep 1000'],
      env: { LEVEL: 'info' },
      files: [
        { path: '/etc/app.conf', configMap: 'app', key: 'app.conf', template: true },
        { path: '/run/new/db', secret: 'db', uid: 1000, gid: 1001 },
        { path: '/etc/motd', content: 'hello', mode: '0640', onChange: 'Ignore' },
      ],
    }),
    instance('waits', { ...sleeper, envFrom: [{ secret: 'later', prefix: 'L_' }] }),
  );
  await cloud.ready('instances', 'told', 'files');
});
afterAll(() => cloud?.close());

it('files are there before the process starts, with their mode and owner; a secret is in no image, label or inspect', async () => {
  const { privateIp } = (await cloud.instance('files')).status ?? {};
  expect(await inside('files', 'cat /tmp/at-start')).toBe(`level info for files at ${privateIp}`);
  const stat = await inside('files', 'stat -c "%a %u %g" /etc/app.conf /run/new/db/PASSWORD /etc/motd');
  expect(stat.split('\n')).toEqual(['444 0 0', '400 1000 1001', '640 0 0']);
  expect(await inside('files', 'cat /run/new/db/PASSWORD')).toBe(PASSWORD);
  const seen = JSON.stringify([await cloud.container('files'), await cloud.instance('files')]);
  expect(seen).toContain('Secret db PASSWORD /run/new/db/PASSWORD');
  expect(seen).not.toContain(PASSWORD);
  expect(seen).not.toContain(Buffer.from(PASSWORD).toString('base64'));
});

it('a signal: the file is never missing or half written, the process runs on and is told each time', async () => {
  const before = await cloud.container('told');
  for (const word of ['two', 'three']) {
    await given('configmaps', 'app', { big: big(word), 'app.conf': 'level ${env.LEVEL}' });
    await eventually('the new file', async () => (await inside('told', 'head -n1 /conf/big')) === word);
  }
  await eventually('the signals', async () => (await output('told')).split('told').length > 2);
  const after = await cloud.container('told');
  expect([after.Id, after.State.StartedAt]).toEqual([before.Id, before.State.StartedAt]);
  expect(await output('told')).not.toContain('torn');
  const { config } = (await cloud.instance('told')).status ?? {};
  expect(config).toMatchObject({ containerId: after.Id });
});

it('by default another container is made, whose process starts with the new content', async () => {
  await eventually('the new content', async () => (await inside('files', 'cat /tmp/at-start')) === 'level info');
  await cloud.ready('instances', 'files');
  const log = await call(cloud.daemon, 'GET', '/apis/miniaws.dev/v1/namespaces/default/events');
  expect(log.text).not.toContain(PASSWORD);
});

it('what is missing is waited for, by name', async () => {
  const said = await cloud.condition('instances', 'waits', 'Ready', ({ reason }) => reason === 'ConfigNotFound');
  expect(said.message).toBe('Secret default/later is not there: create it');
  await given('secrets', 'later', { KEY: 'value' });
  await cloud.ready('instances', 'waits');
  expect(await inside('waits', 'echo $L_KEY')).toBe('value');
  await cloud.expectQuiet();
});
