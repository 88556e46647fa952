import { generateIdentity } from 'age-encryption';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import { isSecret } from '../../../src/kinds/secret/types.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { ageFile, sopsFile } from '../../support/sops.ts';

const URL = 'https://git.example/shop.git';
const PLANTED = 'planted-s3cret';
let [ours, theirs] = ['', ''];
beforeAll(async () => {
  [ours, theirs] = [await generateIdentity(), await generateIdentity()];
});

async function start(files: Record<string, string>) {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  world.repositories.push(URL, 'main', files);
  await daemon.apply({
    kind: 'GitSync',
    metadata: { name: 'app' },
    spec: { url: URL, interval: '1m', prune: true, decrypt: { secret: 'keys' } },
  });
  await daemon.settle(10_000);
  return { world, daemon };
}
const keys = async (daemon: WorldDaemon, texts: Record<string, string>) => {
  const data = Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  await daemon.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, data });
  await daemon.settle(10_000);
};
const ready = (daemon: WorldDaemon) => {
  const { reason, message } = findCondition(daemon.get('GitSync', 'app')!, 'Ready') ?? {};
  return `${reason}: ${message}`;
};
const valueIn = (daemon: WorldDaemon, name: string) => {
  const secret = daemon.get('Secret', name);
  return secret && isSecret(secret) ? Buffer.from(secret.data?.['a'] ?? '', 'base64').toString() : undefined;
};
/** All that is stored and was told, but for Secrets. */
const everythingElse = async (world: World, daemon: WorldDaemon) =>
  JSON.stringify([
    world.documents.filter(({ kind }) => kind !== 'Secret'),
    (await daemon.store.log({ limit: 500 })).items,
    (await daemon.store.events({ limit: 500 })).items,
  ]);
const secret = (a: string, name = 'db') => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData: { a },
});

it('waits for the Secret with the identities, and reads the files anew when that changes', async () => {
  const { world, daemon } = await start({
    'db.yaml': await sopsFile([secret(PLANTED)], { identities: [ours], encryptedRegex: /^stringData$/ }),
    'more.yaml.age': await ageFile(JSON.stringify(secret(PLANTED, 'more')), [ours]),
  });
  expect(ready(daemon)).toContain('Secret default/keys (spec.decrypt) does not exist; create it');
  await keys(daemon, { other: ours });
  expect(ready(daemon)).toContain('Secret default/keys (spec.decrypt) has no age identity');
  await keys(daemon, { other: 'x', 'a.agekey': `# mine\n${ours.slice(0, -1)}\n` });
  expect(ready(daemon)).toContain('line 2 of key a.agekey is no age identity');
  await keys(daemon, { 'a.agekey': `${theirs}\n` });
  expect(ready(daemon)).toMatch(/^InvalidRevision: .*db.yaml:7:1: .* no identity of Secret default\/keys opens it/);
  expect(valueIn(daemon, 'db')).toBeUndefined();
  await keys(daemon, { 'a.agekey': `# mine\r\n${theirs}\r\n`, identity: ours });
  expect(ready(daemon)).toMatch(/^Synced: /);
  expect([valueIn(daemon, 'db'), valueIn(daemon, 'more')]).toEqual([PLANTED, PLANTED]);
  const told = await everythingElse(world, daemon);
  for (const text of [PLANTED, Buffer.from(PLANTED).toString('base64'), ours.slice(0, -1), theirs])
    expect(told).not.toContain(text);
});

it('shows no decrypted value where admission refuses it', async () => {
  const vpc = { apiVersion: 'miniaws.dev/v1', kind: 'VPC', metadata: { name: 'net' }, spec: { cidrBlock: PLANTED } };
  const { world, daemon } = await start({
    'net.yaml': await sopsFile([vpc], { identities: [ours], encryptedRegex: /^cidrBlock$/ }),
  });
  await keys(daemon, { identity: ours });
  expect(ready(daemon)).toMatch(/^InvalidRevision: .*net.yaml:6:14: spec.cidrBlock: /);
  expect(await everythingElse(world, daemon)).not.toContain(PLANTED);
});
