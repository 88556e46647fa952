import { afterAll, beforeAll, expect, it } from 'vitest';
import { scalingGroup } from '../../src/kinds/scaling-group/index.ts';
import type { ScalingGroupStatus } from '../../src/kinds/scaling-group/types.ts';
import { Cloud } from '../support/cloud.ts';
import type { SeenInstance } from '../support/cloud.ts';
import { engine } from '../support/engine.ts';
import { call } from '../support/http.ts';
import { imageFrom } from '../support/images.ts';
import { manifest, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
let tag: string;
const built: string[] = [];
const build = async (version: string) => {
  const id = await imageFrom(engine, cloud.image, tag, [`ENV VERSION=${version}`, 'CMD ["serve"]']);
  built.push(id);
  return id;
};

beforeAll(async () => {
  cloud = await Cloud.start();
  tag = `miniaws-test/tag-${cloud.installation}:latest`;
});
afterAll(async () => {
  await cloud?.close();
  for (const id of built) await engine.getImage(id).remove({ force: true });
});

it('a tag that moved: replacements keep the image of their revision, and a restart takes the present one', async () => {
  const first = await build('1');
  const template = { spec: { image: tag, args: ['serve'], stopGracePeriod: '0s' } };
  const strategy = { minReadySeconds: 0 };
  await cloud.apply(
    vpc('net', { cidrBlock: '10.214.67.0/24' }),
    manifest('ScalingGroup', 'web', { vpc: 'net', minInstances: 2, maxInstances: 3, strategy, template }),
  );
  await cloud.ready('scalinggroups', 'web');
  const revision = async () =>
    ((await cloud.find('scalinggroups', 'web'))?.status as ScalingGroupStatus | undefined)?.revisions?.at(-1)?.imageId;
  expect(await eventually('the image of the revision', revision)).toBe(first);

  const second = await build('2');
  const { uid } = (await cloud.instance('web-0')).metadata;
  await cloud.remove('instances', 'web-0');
  const members = async () => {
    const { items } = (await call(cloud.daemon, 'GET', pathOf('instances'))).json<{ items: SeenInstance[] }>();
    return items;
  };
  const replaced = await eventually('two others that run', async () => {
    const all = await members();
    return all.length === 2 && all.every((m) => m.metadata.uid !== uid && m.status?.imageId) && all;
  });
  expect(replaced.map((member) => member.status?.imageId)).toEqual([first, first]);
  for (const { metadata } of replaced) expect((await cloud.container(metadata.name)).Image).toBe(first);

  await cloud.patch('scalinggroups', 'web', scalingGroup.restart!.patch(new Date().toISOString()));
  await cloud.ready('scalinggroups', 'web');
  const after = await eventually('two that are left', async () => {
    const all = await members();
    return all.length === 2 && all;
  });
  expect(after.map((member) => member.status?.imageId)).toEqual([second, second]);
  await eventually('its revision to have it', async () => (await revision()) === second);
});
