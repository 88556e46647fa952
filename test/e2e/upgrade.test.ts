import { afterAll, beforeAll, expect, it } from 'vitest';
import { LABEL } from '../../src/drivers/labels.ts';
import { Cloud } from '../support/cloud.ts';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { engine } from '../support/engine.ts';
import { serves } from '../support/http.ts';
import { instance, manifest, vpc } from '../support/manifests.ts';
import { oldBuild } from '../support/old-build.ts';

/** Below the range from which the system gives out ports by itself. */
const PORT = 28_764;

let cloud: Cloud;
let database: TestDatabase;
let old: Awaited<ReturnType<typeof oldBuild>>;

beforeAll(async () => {
  old = await oldBuild();
  // With no table at all: the earlier build makes those that it knows.
  database = await freshDatabase('template0');
  cloud = await Cloud.start({ program: old.program, database });
});
afterAll(async () => {
  await cloud?.close();
  await database?.drop();
  await old?.remove();
});

const started = async () => {
  const seen = await Promise.all((await cloud.containers()).map(({ Id }) => engine.getContainer(Id).inspect()));
  return seen
    .map(({ Id, Name, State }) => ({ Id, Name, StartedAt: State.StartedAt }))
    .sort((a, b) => (a.Name < b.Name ? -1 : 1));
};

it('what an earlier build made goes on under this one: the same containers, and not one was restarted', async () => {
  const own = { image: cloud.image, stopGracePeriod: '1s' };
  const spec = { ...own, vpc: 'net' };
  await cloud.apply(
    vpc('net', { cidrBlock: '10.214.62.0/24' }),
    instance('plain', spec),
    instance('full', {
      ...spec,
      env: { A: '1', B: 'two' },
      ports: ['80'],
      volumes: [{ name: 'data', mountPath: '/data' }],
      resources: { cpus: 0.5, memory: '64Mi' },
      restartPolicy: 'OnFailure',
      healthCheck: { http: { port: 80, path: '/' }, interval: '1s' },
      labels: { tier: 'back' },
    }),
    manifest('ScalingGroup', 'web', {
      vpc: 'net',
      minInstances: 2,
      maxInstances: 3,
      template: { labels: { app: 'web' }, spec: own },
    }),
    manifest('LoadBalancer', 'front', {
      vpc: 'net',
      listeners: [{ port: PORT }],
      healthCheck: { path: '/', interval: '300ms', timeout: '1s' },
      deregistrationDelay: '1s',
      targetGroups: [{ name: 'web', scalingGroup: 'web', targetPort: 80 }],
    }),
  );
  await cloud.ready('instances', 'plain', 'full', 'web-0', 'web-1');
  await cloud.ready('scalinggroups', 'web');
  await cloud.ready('loadbalancers', 'front');
  await serves(PORT, 'Hello from web');
  const before = await started();
  expect(before).toHaveLength(5);
  await cloud.crash();
  await cloud.expectQuiet();
  await cloud.ready('instances', 'plain', 'full', 'web-0', 'web-1');
  await cloud.ready('scalinggroups', 'web');
  await cloud.ready('loadbalancers', 'front');
  expect(await started()).toEqual(before);
  // What a release adds to what containers are made with is told of those that were made without.
  const { Config } = await cloud.container('plain');
  const { status } = await cloud.instance('plain');
  expect(status?.recreateWouldChange !== undefined).toBe(Config.Labels[LABEL.defaults] === undefined);
  await serves(PORT, 'Hello from web');
  await cloud.remove('loadbalancers', 'front');
  await cloud.remove('scalinggroups', 'web');
  await cloud.remove('instances', 'plain', 'full');
  await cloud.gone('scalinggroups', 'web');
  await cloud.remove('vpcs', 'net');
  await cloud.gone('vpcs', 'net');
  expect(await cloud.containers()).toEqual([]);
});
