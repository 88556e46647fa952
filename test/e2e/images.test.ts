import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ImageEntry } from '../../src/operator/images/inventory.ts';
import { Cloud } from '../support/cloud.ts';
import { engine } from '../support/engine.ts';
import { call } from '../support/http.ts';
import { testFiles } from '../support/images.ts';
import { instance, vpc } from '../support/manifests.ts';
import { startRegistry } from '../support/registry.ts';
import type { Registry } from '../support/registry.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
let registry: Registry;
const name = (image: string) => `${registry.host}/${image}`;

beforeAll(async () => {
  registry = await startRegistry();
  const files = await testFiles();
  for (const image of ['ours:1', 'tagged:1', 'theirs:1'])
    registry.push(image, files, { Cmd: ['/bin/serve'], Env: ['PATH=/bin'], Labels: { image } });
  cloud = await Cloud.start({ env: { MINIAWS_IMAGE_RETENTION: '2s' } });
});
afterAll(async () => {
  await cloud?.close();
  await registry?.close();
  for (const image of ['ours:1', 'tagged:1', 'theirs:1', 'person:1'])
    await engine
      .getImage(name(image))
      .remove({ force: true })
      .catch(() => undefined);
});

const entries = async () =>
  (await call(cloud.daemon, 'GET', '/apis/miniaws.dev/v1/images')).json<{ items: ImageEntry[] }>().items;
const entry = async (image: string) => (await entries()).find(({ references }) => references.includes(name(image)));

it('an image that the daemon pulled is shown with who uses it, and goes after its last user; those of others stay', async () => {
  await once(((await engine.pull(name('theirs:1'))) as Readable).resume(), 'end');
  const spec = (image: string) => ({ image: name(image), vpc: 'net', stopGracePeriod: '0s' });
  const names = ['ours', 'tagged', 'theirs'];
  await cloud.apply(
    vpc('net', { cidrBlock: '10.214.68.0/24' }),
    ...names.map((each) => instance(each, spec(`${each}:1`))),
  );
  await cloud.ready('instances', ...names);
  await engine.getImage(name('tagged:1')).tag({ repo: name('person'), tag: '1' });
  expect(await entry('ours:1')).toMatchObject({
    origin: 'pulled',
    usedBy: ['Instance/default/ours'],
    digests: [expect.stringMatching(/\/ours@sha256:/)],
    id: (await cloud.instance('ours')).status?.imageId,
  });
  expect([(await entry('tagged:1'))?.origin, (await entry('theirs:1'))?.origin]).toEqual(['others', 'others']);

  // Those that must stay are unused first: had they been ours, they would have gone before the other.
  await cloud.remove('instances', 'tagged', 'theirs');
  await cloud.gone('instances', 'tagged', 'theirs');
  await cloud.remove('instances', 'ours');
  await eventually('the image to be gone', async () => (await entry('ours:1')) === undefined);
  expect([(await entry('tagged:1'))?.usedBy, (await entry('theirs:1'))?.usedBy]).toEqual([[], []]);
  const told = async () =>
    (
      await call(cloud.daemon, 'GET', '/api/v1/namespaces/default/events?fieldSelector=involvedObject.kind=Image')
    ).json<{ items: { involvedObject: object }[] }>().items;
  // The event is written after the image has gone.
  await eventually('the event', async () => (await told()).length > 0);
  expect((await told()).map(({ involvedObject }) => involvedObject)).toMatchObject([
    { kind: 'Image', name: name('ours:1') },
  ]);
});
