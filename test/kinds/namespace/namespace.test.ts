import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findCondition, isReady } from '../../../src/api/metadata.ts';
import { StatusError } from '../../../src/base/errors.ts';
import { sameJson } from '../../../src/base/hash.ts';
import { amountsOf, countsOf } from '../../../src/kinds/namespace/quota.ts';
import type { Amounts, Namespace } from '../../../src/kinds/namespace/types.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { instanceInTeam, teamNamespace } from './scenarios.ts';

let world: World;
let daemon: WorldDaemon;
beforeEach(async () => {
  world = new World();
  daemon = await world.start();
  onTestFinished(() => daemon.stop());
});

const VPC = { kind: 'VPC', metadata: { name: 'net', namespace: 'team' }, spec: { cidrBlock: '10.7.0.0/24' } };
const map = (name: string) => ({ kind: 'ConfigMap', metadata: { name, namespace: 'team' }, data: {} });
const groupInTeam = (desiredCount: number, more: object = {}) => ({
  kind: 'ScalingGroup',
  metadata: { name: 'web', namespace: 'team' },
  spec: {
    vpc: 'net',
    minInstances: 0,
    maxInstances: 5,
    desiredCount,
    template: { labels: { app: 'web' }, spec: { image: 'app:1', ...more } },
  },
});
const team = () => daemon.get('Namespace', 'team', '') as Namespace | undefined;
const refusal = async (document: Parameters<WorldDaemon['apply']>[0]) => {
  const error: unknown = await daemon.apply(document).then(
    () => undefined,
    (e: unknown) => e,
  );
  return error instanceof StatusError ? `${error.reason}: ${error.message}` : error;
};
const left = () => world.documents.map(({ kind, metadata }) => `${kind}/${metadata.name}`).toSorted();

describe('a namespace', () => {
  it('must be there before what is in it, but for the default one', async () => {
    expect(await refusal(map('a'))).toBe('NotFound: namespaces "team" not found: create it first (kind: Namespace)');
    await daemon.apply({ kind: 'ConfigMap', metadata: { name: 'a' }, data: {} });
    await daemon.apply(teamNamespace());
    await daemon.apply(map('a'));
    await daemon.settle(1_000);
    expect([team()?.status?.phase, isReady(team()!)]).toEqual(['Active', true]);
  });

  it('that is deleted deletes what is in it, in order, takes nothing new, and says what it waits for', async () => {
    await daemon.apply(teamNamespace());
    for (const document of [VPC, map('a'), instanceInTeam('a'), instanceInTeam('b')]) await daemon.apply(document);
    await daemon.settle(10_000);
    world.engine.latencyMs = 2_000;
    await daemon.delete('Namespace/team');
    await world.clock.advance(1_000);
    expect(team()?.status?.phase).toBe('Terminating');
    expect(findCondition(team()!, 'Ready')).toMatchObject({
      reason: 'Terminating',
      message: 'waits for 2 instances, VPC team/net, ConfigMap team/a to be gone',
    });
    expect(await refusal(map('late'))).toBe(
      'Forbidden: configmaps "late" is forbidden: unable to create new content in namespace team because it is being terminated',
    );
    await daemon.settle(60_000);
    expect(left()).toEqual([]);
    expect([world.engine.containers.size, world.engine.networks.byId.size]).toEqual([0, 0]);
  });

  it('default is not deleted', async () => {
    await daemon.apply({ kind: 'Namespace', metadata: { name: 'default' }, spec: {} });
    await expect(daemon.delete('Namespace/default')).rejects.toThrow(
      'namespaces "default" is forbidden: this namespace may not be deleted',
    );
  });
});

describe('a quota', () => {
  it.each<[string, object, object, string]>([
    ['instances', { instances: 1 }, {}, 'requested: instances=1, used: instances=1, limited: instances=1'],
    ['cores', { cpus: 2 }, { resources: { cpus: 1.5 } }, 'requested: cpus=1.5, used: cpus=1, limited: cpus=2'],
    [
      'memory',
      { memory: '256Mi' },
      { resources: { memory: '192Mi' } },
      'requested: memory=192Mi, used: memory=128Mi, limited: memory=256Mi',
    ],
    [
      'ports of the host',
      { hostPorts: 1 },
      { ports: ['8081:80'] },
      'requested: hostPorts=1, used: hostPorts=1, limited: hostPorts=1',
    ],
    [
      'objects of a kind',
      { objects: { instances: 1 } },
      {},
      'requested: objects.instances=1, used: objects.instances=1, limited: objects.instances=1',
    ],
  ])('of %s is not passed, and the refusal says by how much', async (_, quota, spec, says) => {
    await daemon.apply(teamNamespace({ quota }));
    await daemon.apply(VPC);
    await daemon.apply(instanceInTeam('a', { resources: { cpus: 1, memory: '128Mi' }, ports: ['8080:80'] }));
    expect(await refusal(instanceInTeam('b', spec))).toBe(
      `Forbidden: instances.miniaws.dev "b" is forbidden: exceeded quota of namespace team, ${says}`,
    );
    // What takes no more than before is not refused, and what is stopped takes no share of the machine.
    await daemon.apply(
      instanceInTeam('a', { image: 'app:2', ports: ['8080:80'], resources: { cpus: 1, memory: '128Mi' } }),
    );
  });

  it('of buckets counts them, and of their bytes what each may hold, which each must say then', async () => {
    const bucket = (name: string, quotaBytes?: string) => ({
      kind: 'Bucket',
      metadata: { name, namespace: 'team' },
      spec: quotaBytes === undefined ? {} : { quotaBytes },
    });
    await daemon.apply(teamNamespace({ quota: { buckets: 2 } }));
    await daemon.apply(bucket('one'));
    await daemon.apply(teamNamespace({ quota: { buckets: 2, bucketBytes: '3Gi' } }));
    expect(await refusal(bucket('two'))).toContain(
      'namespace team has a quota of bucketBytes: it needs spec.quotaBytes, which says how much of it',
    );
    await daemon.apply(bucket('two', '2Gi'));
    expect(await refusal(bucket('one', '2Gi'))).toContain(
      'requested: bucketBytes=2Gi, used: bucketBytes=2Gi, limited: bucketBytes=3Gi',
    );
    expect(await refusal(bucket('three', '1Gi'))).toContain(
      'requested: buckets=1, used: buckets=2, limited: buckets=2',
    );
    await daemon.apply(bucket('one', '1Gi'));
    const read = await daemon.runtimes.get('Namespace')?.live?.(team()!);
    expect((read as Namespace).status?.quota?.used).toEqual({ buckets: 2, bucketBytes: '3Gi' });
    // Who had no bound before keeps to have none; one that had does not lose it.
    expect(await refusal(bucket('one'))).toContain('it needs spec.quotaBytes');
  });

  it('counts those of the machine that run', async () => {
    await daemon.apply(teamNamespace({ quota: { cpus: 1 } }));
    await daemon.apply(VPC);
    const sized = { resources: { cpus: 1 } };
    await daemon.apply(instanceInTeam('a', { ...sized, powerState: 'Stopped' }));
    await daemon.apply(instanceInTeam('b', sized));
    expect(await refusal(instanceInTeam('a', { ...sized, powerState: 'Running' }))).toContain(
      'requested: cpus=1, used: cpus=1',
    );
  });

  it('that is lowered leaves what is there, and says so', async () => {
    await daemon.apply(teamNamespace());
    for (const document of [VPC, instanceInTeam('a'), instanceInTeam('b')]) await daemon.apply(document);
    await daemon.apply(teamNamespace({ quota: { instances: 1 } }));
    await daemon.settle(10_000);
    expect(findCondition(team()!, 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'OverQuota',
      message: 'instances=2 of instances=1: what is there stays, and nothing more is made',
    });
    expect(world.engine.containers.size).toBe(2);
    const read = await daemon.runtimes.get('Namespace')?.live?.(team()!);
    expect((read as Namespace).status?.quota).toEqual({ hard: { instances: 1 }, used: { instances: 2 } });
    await daemon.delete('Instance/team/b');
    await daemon.settle(20_000);
    expect(findCondition(team()!, 'Degraded')?.status).toBe('False');
  });

  it('is not passed by many at once', async () => {
    await daemon.apply(teamNamespace({ quota: { instances: 3 } }));
    await daemon.apply(VPC);
    const all = await Promise.all(Array.from({ length: 10 }, (_, i) => refusal(instanceInTeam(`i-${i}`))));
    expect(all.filter((refused) => refused === undefined)).toHaveLength(3);
  });

  it('holds for a group: it has as many as are allowed, and says why no more', async () => {
    await daemon.apply(teamNamespace({ quota: { instances: 2 } }));
    await daemon.apply(VPC);
    await daemon.apply(groupInTeam(4));
    await world.clock.advance(60_000);
    expect(world.engine.containers.size).toBe(2);
    expect(JSON.stringify(daemon.get('ScalingGroup', 'web', 'team')?.status)).toContain(
      'exceeded quota of namespace team',
    );
    await daemon.apply(teamNamespace({ quota: { instances: 4 } }));
    await daemon.settle(60_000);
    expect(world.engine.containers.size).toBe(4);
  });

  it('is written as it was read', () => {
    const amounts = fc.record<Amounts>(
      {
        instances: fc.nat(100),
        cpus: fc.nat(64),
        hostPorts: fc.nat(10),
        memory: fc.constantFrom('1Gi', '512Mi', '2Gi'),
        buckets: fc.nat(9),
        bucketBytes: fc.constantFrom('1Gi', '10Gi'),
        objects: fc.dictionary(fc.constantFrom('configmaps', 'secrets'), fc.nat(9), { minKeys: 1 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(amounts, (given) => sameJson(amountsOf(countsOf(given)), given)));
  });
});

describe('sizes of instances', () => {
  it('have a default where an instance has none, of groups too, and no group rolls for it', async () => {
    await daemon.apply(
      teamNamespace({ quota: { cpus: 4 }, instanceResources: { default: { cpus: 0.5, memory: '64Mi' } } }),
    );
    await daemon.apply(VPC);
    await daemon.apply(instanceInTeam('a'));
    expect(daemon.get('Instance', 'a', 'team')?.spec).toMatchObject({ resources: { cpus: 0.5, memory: '67108864' } });
    await daemon.apply(groupInTeam(2));
    await daemon.settle(60_000);
    expect(isReady(daemon.get('ScalingGroup', 'web', 'team')!)).toBe(true);
    const before = [...world.engine.containers.keys()];
    await daemon.settle(60_000);
    expect([...world.engine.containers.keys()]).toEqual(before);
  });

  it('without a default, are asked for where they count', async () => {
    await daemon.apply(teamNamespace({ quota: { cpus: 4 } }));
    await daemon.apply(VPC);
    expect(await refusal(instanceInTeam('a'))).toContain(
      'namespace team has a quota of cpus: it needs spec.resources.cpus, or the namespace a default (spec.instanceResources.default)',
    );
  });

  it('have a maximum', async () => {
    await daemon.apply(teamNamespace({ instanceResources: { max: { cpus: 2, memory: '1Gi' } } }));
    await daemon.apply(VPC);
    expect(await refusal(instanceInTeam('a', { resources: { cpus: 3, memory: '1Gi' } }))).toContain(
      'the most cpus of an instance here are 2, and it has 3',
    );
    expect(await refusal(instanceInTeam('a', { resources: { cpus: 1 } }))).toContain(
      'the most memory of an instance here are 1Gi, and it has no limit: set resources.memory',
    );
    await daemon.apply(instanceInTeam('a', { resources: { cpus: 2, memory: '1Gi' } }));
  });
});

describe('a policy', () => {
  it('is not passed by what is made or changed from then on, of groups too, and leaves what runs alone', async () => {
    await daemon.apply(teamNamespace());
    await daemon.apply(VPC);
    await daemon.apply(instanceInTeam('a', { ports: ['8080:80'] }));
    await daemon.apply(teamNamespace({ policy: { level: 'baseline', allowLatest: false } }));
    await daemon.settle(10_000);
    expect(world.engine.containers.size).toBe(1);
    await daemon.apply(instanceInTeam('a', { ports: ['8080:80'], env: { A: '1' } }));
    expect(await refusal(instanceInTeam('a', { ports: ['8081:80'] }))).toContain('spec.ports[0]: the namespace');
    expect(await refusal(instanceInTeam('b', { image: 'app' }))).toBe(
      'Forbidden: instances.miniaws.dev "b" is forbidden: spec.image: the namespace\'s policy (baseline) does not allow it: the tag latest may be another image tomorrow: name a version, or a digest',
    );
    expect(await refusal(groupInTeam(1, { capabilities: { add: ['NET_RAW'] } }))).toContain(
      'spec.template.spec.capabilities.add[0]: the namespace',
    );
  });
});
