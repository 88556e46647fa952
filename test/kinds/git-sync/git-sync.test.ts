import { describe, expect, it, onTestFinished } from 'vitest';
import { findCondition, isReady } from '../../../src/api/metadata.ts';
import type { Resource } from '../../../src/api/metadata.ts';
import { GitError } from '../../../src/drivers/git/git.ts';
import { OPERATIONS } from '../../../src/kinds/git-sync/operations.ts';
import type { GitSync } from '../../../src/kinds/git-sync/types.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';

const URL = 'https://git.example/shop.git';
const yaml = (kind: string, name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'miniaws.dev/v1', kind, metadata: { name }, spec });
const VPC = yaml('VPC', 'shop', { cidrBlock: '10.1.0.0/24' });
const web = (spec: object = {}, name = 'web') => yaml('Instance', name, { image: 'app:1', vpc: 'shop', ...spec });
const FILES = { 'vpc.yaml': VPC, 'web.yaml': web() };
const syncOf = (spec: object = {}, name = 'app') => ({
  kind: 'GitSync',
  metadata: { name },
  spec: { url: URL, ref: { branch: 'main' }, interval: '1m', prune: true, pruneGuard: '50%', ...spec },
});

async function start(files: Record<string, string> = FILES, spec: object = {}) {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  const first = world.repositories.push(URL, 'main', files);
  await daemon.apply(syncOf(spec));
  await daemon.settle(10_000);
  return { world, daemon, first };
}

const sync = (daemon: WorldDaemon, name = 'app') => daemon.get('GitSync', name) as GitSync;
const reasonOf = (daemon: WorldDaemon, name = 'app') => findCondition(sync(daemon, name), 'Ready')?.reason;
const messageOf = (daemon: WorldDaemon, name = 'app') => findCondition(sync(daemon, name), 'Ready')?.message ?? '';
const names = (world: World) =>
  world.documents
    .map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    .filter((name) => !name.startsWith('GitSync'))
    .toSorted();
const specOf = (resource: Resource | undefined) => resource?.spec as Record<string, unknown>;

async function push(world: World, daemon: WorldDaemon, files: Record<string, string>): Promise<string> {
  const commit = world.repositories.push(URL, 'main', files);
  await world.clock.advance(60_000);
  await daemon.settle(10_000);
  return commit;
}

describe('a repository', () => {
  it('becomes what is there, and each object says of which commit and file it is', async () => {
    const { world, daemon, first } = await start();
    expect(names(world)).toEqual(['Instance/web', 'VPC/shop']);
    expect([reasonOf(daemon), isReady(sync(daemon))]).toEqual(['Synced', true]);
    expect(sync(daemon).status).toMatchObject({
      observed: { commit: first, ref: 'refs/heads/main' },
      applied: { commit: first },
      healthy: { commit: first },
      objects: 2,
    });
    expect(daemon.get('Instance', 'web')?.metadata.annotations).toEqual({ 'miniaws.dev/source': `${first} web.yaml` });
  });

  it('that stays as it is costs nothing: no write and no call (I2)', async () => {
    const { world, daemon } = await start();
    const before = daemon.fingerprint();
    await world.clock.advance(600_000);
    await daemon.settle(10_000);
    expect(daemon.fingerprint()).toBe(before);
  });

  it('that changes, changes what its commit changes and nothing else', async () => {
    const { world, daemon, first } = await start();
    const vpc = daemon.get('VPC', 'shop')?.metadata.resourceVersion;
    const second = await push(world, daemon, {
      ...FILES,
      'web.yaml': web({ image: 'app:2' }),
      'more.yaml': web({}, 'more'),
    });
    expect(names(world)).toEqual(['Instance/more', 'Instance/web', 'VPC/shop']);
    expect(specOf(daemon.get('Instance', 'web'))['image']).toBe('app:2');
    expect(daemon.get('VPC', 'shop')?.metadata).toMatchObject({
      resourceVersion: vpc,
      annotations: { 'miniaws.dev/source': `${first} vpc.yaml` },
    });
    expect(sync(daemon).status?.applied?.commit).toBe(second);
    const triggers = (await daemon.store.log({ kind: 'Instance', limit: 50 })).items.map(
      ({ record }) => record.trigger,
    );
    expect(triggers.map(({ detail }) => detail)).toContain(
      `generation 2 by gitsync/default/app of commit ${second.slice(0, 10)}`,
    );
  });

  it('is put back where somebody changed or removed something, and says who', async () => {
    const { daemon } = await start();
    await daemon.apply(
      { kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'mine:1', vpc: 'shop' } },
      'kubectl-edit',
      true,
    );
    await daemon.settle(10_000);
    expect(specOf(daemon.get('Instance', 'web'))['image']).toBe('app:1');
    const entries = (await daemon.store.log({ kind: 'GitSync', limit: 50 })).items.map(({ record }) => record);
    expect(entries.flatMap(({ difference }) => difference)).toContain(
      'Instance default/web was changed by kubectl-edit',
    );
    const { uid } = daemon.get('Instance', 'web')!.metadata;
    await daemon.delete('Instance/default/web');
    await daemon.settle(30_000);
    expect(isReady(daemon.get('Instance', 'web')!)).toBe(true);
    expect(daemon.get('Instance', 'web')?.metadata.uid).not.toBe(uid);
  });

  it('in mode Detect only tells what is not as it says', async () => {
    const { daemon } = await start(FILES, { mode: 'Detect' });
    await daemon.apply(
      { kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'mine:1', vpc: 'shop' } },
      'kubectl-edit',
      true,
    );
    await daemon.settle(10_000);
    expect(specOf(daemon.get('Instance', 'web'))['image']).toBe('mine:1');
    expect(findCondition(sync(daemon), 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'Drifted',
      message: expect.stringContaining('Instance default/web was changed by kubectl-edit'),
    });
  });
});

it.each(['Correct', 'Detect'])('changed variables are no drift, and are applied in mode %s', async (mode) => {
  const files = {
    'a.yaml': JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { a: '${A}' } }),
  };
  const filled = (value: string) => ({ mode, substitute: { variables: { A: value } } });
  const { daemon } = await start(files, filled('one'));
  await daemon.apply(syncOf(filled('two')));
  await daemon.settle(10_000);
  expect(daemon.get('ConfigMap', 'a')).toMatchObject({ data: { a: 'two' } });
  const differences = async () =>
    (await daemon.store.log({ kind: 'GitSync', limit: 50 })).items.flatMap(({ record }) => record.difference);
  expect((await differences()).join()).toContain('has 1 change: the spec of the sync or its variables were changed');
  expect((await differences()).join()).not.toContain('ConfigMap default/a was changed');
  expect(findCondition(sync(daemon), 'Degraded')?.status).toBe('False');
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { a: 'by hand' } };
  await daemon.apply(map, 'kubectl-edit', true);
  await daemon.settle(10_000);
  expect(daemon.get('ConfigMap', 'a')).toMatchObject({ data: { a: mode === 'Correct' ? 'two' : 'by hand' } });
  if (mode === 'Correct')
    expect((await differences()).join()).toContain('ConfigMap default/a was changed by kubectl-edit');
  else expect(findCondition(sync(daemon), 'Degraded')?.reason).toBe('Drifted');
});

describe('a bad commit', () => {
  const BAD = {
    ...FILES,
    'web.yaml': 'apiVersion: miniaws.dev/v1\nkind: Instance\nmetadata: {name: web}\nspec:\n  imag: app:2\n',
  };

  it('changes nothing, is told with its place, and what was good is kept so', async () => {
    const { world, daemon, first } = await start();
    const second = await push(world, daemon, { ...BAD, 'more.yaml': web({}, 'more') });
    expect(names(world)).toEqual(['Instance/web', 'VPC/shop']);
    expect(reasonOf(daemon)).toBe('InvalidRevision');
    expect(messageOf(daemon)).toContain(`web.yaml:5:3: spec.imag: `);
    expect(messageOf(daemon)).toContain(`commit ${first.slice(0, 10)} stays`);
    expect(sync(daemon).status).toMatchObject({ observed: { commit: second }, applied: { commit: first } });
    await daemon.apply(
      { kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'mine:1', vpc: 'shop' } },
      'kubectl-edit',
      true,
    );
    await daemon.settle(10_000);
    expect(specOf(daemon.get('Instance', 'web'))['image']).toBe('app:1');
    await push(world, daemon, { ...FILES, 'more.yaml': web({}, 'more') });
    expect([reasonOf(daemon), names(world).length]).toEqual(['Synced', 3]);
  });

  it('is one that admission refuses, too, with all of the others', async () => {
    const { world, daemon } = await start();
    await push(world, daemon, {
      ...FILES,
      'vpc.yaml': yaml('VPC', 'shop', { cidrBlock: '10.9.0.0/24' }),
      'more.yaml': web({}, 'more'),
    });
    expect(reasonOf(daemon)).toBe('InvalidRevision');
    expect(messageOf(daemon)).toContain('vpc.yaml:1:');
    expect(names(world)).toEqual(['Instance/web', 'VPC/shop']);
  });

  it.each<[string, (world: World) => void]>([
    ['an empty repository', ({ repositories }) => void repositories.push(URL, 'main', { 'README.md': '' })],
    ['a branch that is gone', ({ repositories }) => repositories.removeBranch(URL, 'main')],
    [
      'more deletions than the guard allows',
      ({ repositories }) => void repositories.push(URL, 'main', { 'other.yaml': web({}, 'other') }),
    ],
    [
      'a remote that is away',
      ({ repositories }) => repositories.fail(new GitError('RemoteUnavailable', 'no connection')),
    ],
  ])('deletes nothing: %s', async (_, happens) => {
    const { world, daemon } = await start();
    happens(world);
    await world.clock.advance(60_000);
    await daemon.settle(10_000);
    expect(names(world)).toEqual(expect.arrayContaining(['Instance/web', 'VPC/shop']));
    expect(isReady(sync(daemon))).toBe(false);
    await world.clock.advance(600_000);
    await daemon.settle(10_000);
    expect(names(world)).toEqual(expect.arrayContaining(['Instance/web', 'VPC/shop']));
  });

  it('in one folder of many blocks that folder alone', async () => {
    const two = { 'apps/a/x.yaml': VPC, 'apps/b/y.yaml': yaml('VPC', 'other', { cidrBlock: '10.2.0.0/24' }) };
    const { world, daemon, first } = await start(two, { path: 'apps/*' });
    expect(sync(daemon).status?.folders).toEqual([
      { path: 'apps/a', commit: first },
      { path: 'apps/b', commit: first },
    ]);
    const second = await push(world, daemon, {
      ...two,
      'apps/a/x.yaml': 'kind: [',
      'apps/b/z.yaml': yaml('VPC', 'third', {}),
    });
    expect(names(world)).toEqual(['VPC/other', 'VPC/shop', 'VPC/third']);
    expect(reasonOf(daemon)).toBe('InvalidRevision');
    expect(sync(daemon).status?.folders).toEqual([
      { path: 'apps/a', commit: first },
      { path: 'apps/b', commit: second },
    ]);
  });
});

describe('a branch that was rewritten', () => {
  const rewrite = async (world: World, daemon: WorldDaemon, files: Record<string, string>) => {
    const commit = world.repositories.forcePush(URL, 'main', files);
    await world.clock.advance(60_000);
    await daemon.settle(10_000);
    return commit;
  };

  it('is not followed until a person allows it, and what was good is kept so', async () => {
    const { world, daemon, first } = await start();
    const other = await rewrite(world, daemon, { 'vpc.yaml': VPC });
    expect(reasonOf(daemon)).toBe('HistoryRewritten');
    expect(messageOf(daemon)).toBe(
      `the branch was rewritten: commit ${first.slice(0, 10)} is not in the history of ${other.slice(0, 10)}; commit ${first.slice(0, 10)} stays, and is kept so. If that is meant: miniaws sync allow-rewrite app`,
    );
    expect(names(world)).toEqual(['Instance/web', 'VPC/shop']);
    await daemon.delete('Instance/default/web');
    await daemon.settle(30_000);
    expect(isReady(daemon.get('Instance', 'web')!)).toBe(true);
    const allowed = syncOf();
    await daemon.apply({
      ...allowed,
      metadata: { ...allowed.metadata, annotations: { 'miniaws.dev/allow-rewrite': other } },
    });
    await daemon.settle(10_000);
    expect([reasonOf(daemon), sync(daemon).status?.applied?.commit]).toEqual(['Synced', other]);
    expect(names(world)).toEqual(['VPC/shop']);
    // The leave was for that commit.
    await rewrite(world, daemon, FILES);
    expect(reasonOf(daemon)).toBe('HistoryRewritten');
  });

  it('is followed by a sync that follows whatever is pushed', async () => {
    const { world, daemon } = await start();
    await rewrite(world, daemon, { 'vpc.yaml': VPC });
    await daemon.apply(syncOf({ forcePush: 'Follow' }));
    await daemon.settle(10_000);
    expect([reasonOf(daemon), names(world)]).toEqual(['Synced', ['VPC/shop']]);
  });

  it('a pin holds whatever the branch has become', async () => {
    const { world, daemon, first } = await start();
    await rewrite(world, daemon, { 'vpc.yaml': VPC });
    await daemon.apply(syncOf({ pin: { commit: first } }));
    await daemon.settle(10_000);
    expect([reasonOf(daemon), names(world)]).toEqual(['Synced', ['Instance/web', 'VPC/shop']]);
  });
});

describe('what is no longer in the repository', () => {
  const THREE = { ...FILES, 'more.yaml': web({}, 'more') };

  it('is deleted where the sync prunes, and nowhere else', async () => {
    const { world, daemon } = await start(THREE);
    await push(world, daemon, FILES);
    expect([names(world), reasonOf(daemon)]).toEqual([['Instance/web', 'VPC/shop'], 'Synced']);
    const kept = await start(THREE, { prune: false });
    await push(kept.world, kept.daemon, FILES);
    expect(names(kept.world)).toContain('Instance/more');
  });

  it('stays where it says so itself', async () => {
    const { world, daemon } = await start(THREE);
    const annotations = { 'miniaws.dev/prune': 'disabled' };
    await daemon.apply({
      kind: 'Instance',
      metadata: { name: 'more', annotations },
      spec: { image: 'app:1', vpc: 'shop' },
    });
    await push(world, daemon, FILES);
    expect(names(world)).toContain('Instance/more');
  });

  it('goes past the guard when a person allows it for that commit', async () => {
    const { world, daemon } = await start(THREE, { pruneGuard: 0 });
    const commit = await push(world, daemon, FILES);
    expect(reasonOf(daemon)).toBe('PruneBlocked');
    expect(messageOf(daemon)).toContain(
      'would delete 1 of 3 objects, and spec.pruneGuard (0) allows 0: Instance default/more',
    );
    const { spec } = syncOf({ pruneGuard: 0 });
    await daemon.apply({
      kind: 'GitSync',
      metadata: { name: 'app', annotations: { 'miniaws.dev/allow-prune': commit } },
      spec,
    });
    await daemon.settle(10_000);
    expect([names(world), reasonOf(daemon)]).toEqual([['Instance/web', 'VPC/shop'], 'Synced']);
  });

  it('that another sync has by now is handed over, and not made anew', async () => {
    const { world, daemon } = await start({ 'a/vpc.yaml': VPC, 'a/web.yaml': web() }, { path: 'a' });
    const { uid } = daemon.get('Instance', 'web')!.metadata;
    await daemon.apply(syncOf({ path: 'b' }, 'other'));
    await push(world, daemon, { 'a/vpc.yaml': VPC, 'b/web.yaml': web() });
    await world.clock.advance(60_000);
    await daemon.settle(10_000);
    expect(daemon.get('Instance', 'web')?.metadata.uid).toBe(uid);
    const appliers = daemon.get('Instance', 'web')?.metadata.managedFields?.filter((e) => e.operation === 'Apply');
    expect(appliers?.map(({ manager }) => manager)).toEqual(['gitsync/default/other']);
    expect([reasonOf(daemon), reasonOf(daemon, 'other')]).toEqual(['Synced', 'Synced']);
  });
});

it('two syncs that have one object are a conflict that names both', async () => {
  const { daemon } = await start();
  await daemon.apply(syncOf({}, 'other'));
  await daemon.settle(10_000);
  expect([reasonOf(daemon), reasonOf(daemon, 'other')]).toEqual(['Synced', 'Conflict']);
  expect(messageOf(daemon, 'other')).toContain('is kept by GitSync default/app, and GitSync default/other has it too');
});

describe('a namespace of the repository', () => {
  const space = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' }, spec: {} });
  const inTeam = (kind: string, name: string, spec: object) =>
    JSON.stringify({ apiVersion: 'miniaws.dev/v1', kind, metadata: { name, namespace: 'team' }, spec });
  const TEAM = {
    'a-web.yaml': inTeam('Instance', 'web', { image: 'app:1', vpc: 'net' }),
    'b-net.yaml': inTeam('VPC', 'net', { cidrBlock: '10.9.0.0/24' }),
  };

  it('is made before what is in it, and goes after it', async () => {
    const { world, daemon } = await start({ ...TEAM, 'z-team.yaml': space, 'cm.yaml': VPC }, { pruneGuard: '100%' });
    expect([reasonOf(daemon), names(world)]).toEqual([
      'Synced',
      ['Instance/web', 'Namespace/team', 'VPC/net', 'VPC/shop'],
    ]);
    await push(world, daemon, { 'cm.yaml': VPC });
    await daemon.settle(30_000);
    expect([reasonOf(daemon), names(world)]).toEqual(['Synced', ['VPC/shop']]);
  });

  it('that nobody makes is told at each document that is in it, and nothing is applied', async () => {
    const { world, daemon } = await start(TEAM);
    expect([reasonOf(daemon), names(world)]).toEqual(['InvalidRevision', []]);
    expect(messageOf(daemon)).toContain(
      'b-net.yaml:1:1: namespaces "team" not found: create it first (kind: Namespace)',
    );
    await daemon.apply({ kind: 'Namespace', metadata: { name: 'team' }, spec: {} });
    await world.clock.advance(60_000);
    await daemon.settle(10_000);
    expect(reasonOf(daemon)).toBe('Synced');
  });
});

describe('a count', () => {
  const group = (spec: object) =>
    yaml('ScalingGroup', 'web', {
      vpc: 'shop',
      minInstances: 1,
      maxInstances: 5,
      template: { spec: { image: 'app:1' } },
      ...spec,
    });
  const scaled = { desiredCount: 3 };

  it.each<[string, object, object, number]>([
    ['that no file says stays as it was set', {}, {}, 3],
    ['that a file says stays as a person has set it', { desiredCount: 2 }, {}, 3],
    ['is put back by force', { desiredCount: 2 }, { force: true }, 2],
  ])('%s', async (_, count, force, end) => {
    const { daemon } = await start({ 'vpc.yaml': VPC, 'web.yaml': group(count) }, force);
    await daemon.apply(
      {
        kind: 'ScalingGroup',
        metadata: { name: 'web' },
        spec: { ...specOf(daemon.get('ScalingGroup', 'web')), ...scaled },
      },
      'person',
      true,
    );
    await daemon.settle(60_000);
    expect(specOf(daemon.get('ScalingGroup', 'web'))['desiredCount']).toBe(end);
    expect(reasonOf(daemon)).toBe('Synced');
  });
});

describe('a commit whose objects do not become Ready', () => {
  const BROKEN = { ...FILES, 'web.yaml': web({ vpc: 'missing' }, 'web2') };

  it('counts one that has run to its end, and well, as what was wanted', async () => {
    const { world, daemon } = await start({ 'vpc.yaml': VPC, 'job.yaml': web({ restartPolicy: 'Never' }, 'job') });
    world.engine.crash([...world.engine.containers.keys()][0] ?? '', 0);
    await daemon.settle(10_000);
    expect(daemon.get('Instance', 'job')?.status).toMatchObject({ phase: 'Succeeded' });
    expect(reasonOf(daemon)).toBe('Synced');
  });

  it('says which and why, and has failed after its time', async () => {
    const { world, daemon } = await start(FILES, { timeout: '2m', prune: false });
    await push(world, daemon, BROKEN);
    expect(reasonOf(daemon)).toBe('ObjectsNotReady');
    expect(messageOf(daemon)).toContain('Instance default/web2: VpcNotReady');
    await world.clock.advance(130_000);
    await daemon.settle(10_000);
    expect(reasonOf(daemon)).toBe('HealthCheckFailed');
  });

  it('is gone back from, once, until another one comes', async () => {
    const { world, daemon, first } = await start(FILES, { timeout: '2m', onFailure: 'RollBack' });
    const second = await push(world, daemon, {
      ...FILES,
      'web.yaml': web({ image: 'broken:1' }),
      'x.yaml': web({ vpc: 'missing' }, 'x'),
    });
    await world.clock.advance(130_000);
    await daemon.settle(10_000);
    expect(sync(daemon).status).toMatchObject({ applied: { commit: first }, rolledBack: { from: second, to: first } });
    expect(specOf(daemon.get('Instance', 'web'))['image']).toBe('app:1');
    expect([reasonOf(daemon), names(world)]).toEqual(['RolledBack', ['Instance/web', 'VPC/shop']]);
    const third = await push(world, daemon, { ...FILES, 'web.yaml': web({ image: 'app:3' }) });
    expect([sync(daemon).status?.applied?.commit, reasonOf(daemon)]).toEqual([third, 'Synced']);
    expect(sync(daemon).status?.rolledBack).toBeUndefined();
  });
});

it('a pin holds it at a commit until its time, and what is changed by hand is put back to that', async () => {
  const { world, daemon, first } = await start();
  const second = await push(world, daemon, { ...FILES, 'web.yaml': web({ image: 'app:2' }) });
  const until = new Date(world.clock.now().getTime() + 600_000).toISOString();
  await daemon.apply(syncOf({ pin: { commit: first, until } }));
  await daemon.settle(10_000);
  expect(specOf(daemon.get('Instance', 'web'))['image']).toBe('app:1');
  expect(messageOf(daemon)).toContain('pinned');
  await world.clock.advance(700_000);
  await daemon.settle(10_000);
  expect([specOf(daemon.get('Instance', 'web'))['image'], sync(daemon).status?.applied?.commit]).toEqual([
    'app:2',
    second,
  ]);
});

it('variables fill the files, and a missing one is told where it stands', async () => {
  const files = { 'vpc.yaml': VPC, 'web.yaml': web({ env: { A: '${GREETING}', B: '$${GREETING}' } }) };
  const { daemon } = await start(files, { substitute: { variables: { GREETING: 'hello' } } });
  expect(specOf(daemon.get('Instance', 'web'))['env']).toEqual({ A: 'hello', B: '${GREETING}' });
  const without = await start(files, { substitute: { variables: { OTHER: '1' } } });
  expect(messageOf(without.daemon)).toMatch(/web\.yaml:1:\d+: no variable GREETING is given/);
});

it('fields that are ignored stay as they are, once the object is there', async () => {
  const ignore = [{ kind: 'Instance', fields: ['/spec/image'] }];
  const { world, daemon } = await start(FILES, { ignore });
  expect(specOf(daemon.get('Instance', 'web'))['image']).toBe('app:1');
  await push(world, daemon, { ...FILES, 'web.yaml': web({ image: 'app:2', env: { A: '1' } }) });
  expect(specOf(daemon.get('Instance', 'web'))).toMatchObject({ image: 'app:1', env: { A: '1' } });
  // What is no longer ignored is put back, though nothing else has changed.
  await daemon.apply(syncOf({ ignore: [] }));
  await daemon.settle(10_000);
  expect(specOf(daemon.get('Instance', 'web'))['image']).toBe('app:2');
});

it('one waits for those that it depends on', async () => {
  const { daemon } = await start(FILES, { dependsOn: ['base'] });
  expect([reasonOf(daemon), daemon.get('VPC', 'shop')]).toEqual(['DependencyNotReady', undefined]);
  await daemon.apply({ ...syncOf({ ref: { branch: 'base' } }, 'base') });
  await daemon.settle(10_000);
  expect(reasonOf(daemon, 'base')).toBe('FetchFailed');
});

describe('what it did for a commit', () => {
  const operations = async (daemon: WorldDaemon) => {
    const items = await daemon.store.beside(OPERATIONS).newest(sync(daemon).metadata.uid, 10);
    return items.map(({ commit, why, created, changed, deleted, result }) => ({
      commit,
      why,
      changes: [created, changed, deleted],
      result,
    }));
  };

  it('is kept: each time that it was worked towards, what it changed, and how it ended', async () => {
    const { world, daemon, first } = await start();
    const second = await push(world, daemon, { 'vpc.yaml': VPC, 'more.yaml': web({}, 'more') });
    const bad = await push(world, daemon, { 'vpc.yaml': VPC, 'more.yaml': 'kind: [' });
    // What is put back is nothing of the commit's.
    await daemon.delete('Instance/default/more');
    await daemon.settle(10_000);
    await daemon.apply(syncOf({ pin: { commit: first } }));
    await daemon.settle(10_000);
    expect(await operations(daemon)).toEqual([
      { commit: first, why: 'pinned', changes: [1, 0, 1], result: 'Synced' },
      { commit: bad, why: 'newest', changes: [0, 0, 0], result: 'InvalidRevision' },
      { commit: second, why: 'newest', changes: [1, 0, 1], result: 'Synced' },
      { commit: first, why: 'newest', changes: [2, 0, 0], result: 'Synced' },
    ]);
    expect(sync(daemon).status?.operation).toMatchObject({
      author: 'A Person',
      subject: 'a change',
      objects: ['created Instance default/web', 'deleted Instance default/more'],
      message: expect.stringContaining('all Ready') as string,
    });
  });

  it('that fails, and is gone back from, says so in both', async () => {
    const { world, daemon, first } = await start(FILES, { onFailure: 'RollBack', timeout: '2m' });
    const bad = await push(world, daemon, { ...FILES, 'x.yaml': web({ vpc: 'missing' }, 'x') });
    await world.clock.advance(130_000);
    await daemon.settle(10_000);
    expect(await operations(daemon)).toEqual([
      { commit: first, why: 'rolledBack', changes: [0, 0, 1], result: 'RolledBack' },
      { commit: bad, why: 'newest', changes: [1, 0, 0], result: 'HealthCheckFailed' },
      { commit: first, why: 'newest', changes: [2, 0, 0], result: 'Synced' },
    ]);
  });

  it('is written down once the database takes it again', async () => {
    const { world, daemon, first } = await start();
    const store = daemon.store.beside(OPERATIONS);
    const put = store.put.bind(store);
    let refused = 0;
    store.put = async (...given) => {
      if (refused++ < 2) throw new Error('no connection');
      await put(...given);
    };
    const second = await push(world, daemon, { ...FILES, 'web.yaml': web({ image: 'app:2' }) });
    await daemon.settle(10_000);
    expect((await operations(daemon)).map(({ commit }) => commit)).toEqual([second, first]);
    expect(refused).toBeGreaterThan(2);
  });

  it('is written down by the next leader where the last one was killed before', async () => {
    const { world, daemon, first } = await start();
    const { uid } = sync(daemon).metadata;
    await daemon.stop();
    const next = await world.start();
    onTestFinished(() => next.stop());
    await next.settle(10_000);
    expect((await next.store.beside(OPERATIONS).newest(uid, 10)).map(({ commit }) => commit)).toEqual([first]);
  });
});

describe('a sync that is deleted', () => {
  it.each<['Keep' | 'Delete', string[]]>([
    ['Keep', ['Instance/web', 'VPC/shop']],
    ['Delete', []],
  ])('leaves or takes with it what it applied: %s', async (deletionPolicy, left) => {
    const { world, daemon } = await start(FILES, { deletionPolicy });
    await daemon.delete('GitSync/default/app');
    await daemon.settle(60_000);
    expect([sync(daemon), names(world)]).toEqual([undefined, left]);
  });
});

it('a commit that must be signed is applied by nobody else’s leave', async () => {
  const { world, daemon } = await start(FILES, { verify: { configMap: 'signers' } });
  expect([reasonOf(daemon), messageOf(daemon)]).toEqual([
    'CredentialsNotFound',
    'ConfigMap default/signers (spec.verify) has no keys; create it',
  ]);
  await daemon.apply({ kind: 'ConfigMap', metadata: { name: 'signers' }, data: { ann: 'ssh-ed25519 AAAA' } });
  await daemon.settle(10_000);
  expect([reasonOf(daemon), names(world)]).toEqual(['FetchFailed', ['ConfigMap/signers']]);
  expect(messageOf(daemon)).toContain('no commit of a simulated repository is signed');
});

it('looks at once when it is asked to, once for each time', async () => {
  const { world, daemon } = await start(FILES, { interval: '1h' });
  const second = world.repositories.push(URL, 'main', { ...FILES, 'web.yaml': web({ image: 'app:2' }) });
  const ask = (at: string) =>
    daemon.apply({
      ...syncOf({ interval: '1h' }),
      metadata: { name: 'app', annotations: { 'miniaws.dev/sync-at': at } },
    });
  // Whatever clock it was asked by.
  await ask('1999-01-01T00:00:00Z');
  await daemon.settle(10_000);
  expect(sync(daemon).status?.applied?.commit).toBe(second);
  const third = world.repositories.push(URL, 'main', FILES);
  await daemon.settle(60_000);
  expect(sync(daemon).status?.observed?.commit).toBe(second);
  await ask('1998-01-01T00:00:00Z');
  await daemon.settle(10_000);
  expect(sync(daemon).status?.applied?.commit).toBe(third);
});

it('one that is suspended does nothing', async () => {
  const { world, daemon } = await start(FILES, { suspend: true });
  expect([names(world), reasonOf(daemon)]).toEqual([[], 'Suspended']);
});
