import { afterAll, beforeAll, expect, it } from 'vitest';
import { findCondition } from '../../src/api/metadata.ts';
import { Cloud } from '../support/cloud.ts';
import { engine } from '../support/engine.ts';
import { call } from '../support/http.ts';
import { imageFrom } from '../support/images.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start();
  await cloud.apply(vpc('net', { cidrBlock: '10.214.66.0/24' }));
});
afterAll(() => cloud?.close());

const spec = (more: object) => ({ image: cloud.image, vpc: 'net', stopGracePeriod: '0s', ...more });

const eventsOf = async (name: string): Promise<{ reason: string; note?: string; message?: string }[]> => {
  const path = `/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=${name}`;
  return (await call(cloud.daemon, 'GET', path)).json<{ items: { reason: string; message: string }[] }>().items;
};

it('an http check that fails says what was answered, in the condition and in the event', async () => {
  const healthCheck = { http: { port: 80, expectedStatus: 418 }, interval: '200ms', retries: 1 };
  await cloud.apply(instance('teapot', spec({ healthCheck })));
  // What was answered before it listened stands for a minute: another answer is told no sooner.
  const ready = await eventually(
    'its own answer',
    async () => {
      const condition = findCondition(await cloud.instance('teapot'), 'Ready');
      return condition?.message.includes('answered') && condition;
    },
    180_000,
  );
  expect(ready).toMatchObject({
    reason: 'Unhealthy',
    message: 'its health check fails: answered 200, expected 418; look at its logs',
  });
  const { status } = await cloud.instance('teapot');
  expect(status?.healthFailure?.output).toBe('answered 200, expected 418');
  const told = (await eventsOf('teapot')).filter((event) => event.reason === 'Unhealthy');
  expect(told.map((event) => event.message)).not.toEqual([]);
});

it('restartOnUnhealthy starts the same container anew, and says what its check wrote', async () => {
  const command = ['sh', '-c', 'if test -e /state/sick; then printf "no\\033 database\\n"; exit 3; fi'];
  const healthCheck = { command, interval: '200ms', retries: 1, restartOnUnhealthy: true };
  await cloud.apply(instance('frail', spec({ healthCheck, tmpfs: [{ mountPath: '/state' }] })));
  await cloud.ready('instances', 'frail');
  const before = await cloud.container('frail');
  await cloud.exec('frail', 'touch', '/state/sick');
  const after = await eventually('another process', async () => {
    const now = await cloud.container('frail');
    return now.State.Running && now.State.StartedAt !== before.State.StartedAt && now;
  });
  expect(after.Id).toBe(before.Id);
  await cloud.ready('instances', 'frail');
  const restarted = await eventually('the event of the restart', async () =>
    (await eventsOf('frail')).find((event) => event.reason === 'Unhealthy'),
  );
  expect(restarted.message).toBe('restart the process: its health check fails: exit code 3: no  database');
  expect((await cloud.instance('frail')).status?.healthRestarts?.count).toBe(1);
});

it('disable turns the check of the image off', async () => {
  const image = `miniaws-test/sick-${cloud.installation}:1`;
  await imageFrom(engine, cloud.image, image, ['HEALTHCHECK --interval=1s --retries=1 CMD false', 'CMD ["serve"]']);
  try {
    await cloud.apply(
      instance('believed', spec({ image, args: ['serve'] })),
      instance('silenced', spec({ image, args: ['serve'], healthCheck: { disable: true } })),
    );
    await cloud.condition('instances', 'believed', 'Ready', (c) => c.reason === 'Unhealthy');
    await cloud.ready('instances', 'silenced');
    expect((await cloud.container('silenced')).Config.Healthcheck).toMatchObject({ Test: ['NONE'] });
    // As with every other field of the container's own, turning it back on makes another container.
    const before = await cloud.container('silenced');
    await cloud.apply(instance('silenced', spec({ image, args: ['serve'] })));
    await cloud.condition('instances', 'silenced', 'Ready', (c) => c.reason === 'Unhealthy');
    expect((await cloud.container('silenced')).Id).not.toBe(before.Id);
    await cloud.remove('instances', 'believed', 'silenced');
    await cloud.gone('instances', 'believed', 'silenced');
  } finally {
    await engine.getImage(image).remove({ force: true });
  }
});
