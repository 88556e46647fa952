import { describe, expect, it, onTestFinished } from 'vitest';
import type { Resource } from '../../../src/api/metadata.ts';
import { applyDocument, create, replace } from '../../../src/admission/operations.ts';
import type { RawDocument } from '../../../src/admission/admit.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { isInstance } from '../../../src/kinds/instance/types.ts';
import type { InstanceSpec } from '../../../src/kinds/instance/types.ts';
import { templateHash } from '../../../src/kinds/scaling-group/template-hash.ts';
import { templateOf } from '../../../src/kinds/scaling-group/revisions.ts';
import type { Revision, ScalingGroup } from '../../../src/kinds/scaling-group/types.ts';
import { settings } from '../../../src/proof/person.ts';
import { World } from '../../../src/proof/world.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { NOW } from './support.ts';
import { causesOf } from '../../support/refusal.ts';

const context = { settings, now: NOW, fieldValidation: 'Strict' as const, warnings: [], manager: 'test', force: true };
const view = new Mirror(KINDS);
const raw = (kind: string, spec: object): RawDocument => ({
  apiVersion: 'miniaws.dev/v1',
  kind,
  metadata: { name: 'web', namespace: 'default' },
  spec,
});
const make = (kind: string, spec: object) => create(KINDS.must(kind), raw(kind, spec), view, context);
const causes = (spec: object): string[] => causesOf(() => make('Instance', { image: 'x', ...spec }));

const volume = (driverOptions: object) => ({ volumes: [{ name: 'data', mountPath: '/data', driverOptions }] });

describe('what reaches beyond the instance, or cannot be, is refused where it stands', () => {
  it.each<[string, object, string]>([
    [
      'root on the host',
      { capabilities: { add: ['NET_RAW', 'SYS_ADMIN'] } },
      'spec.capabilities.add[1]: SYS_ADMIN is as good as root on the host and cannot be added',
    ],
    ['all', { capabilities: { add: ['ALL'] } }, 'spec.capabilities.add[0]: expected one of AUDIT_CONTROL'],
    ["others' processor time", { ulimits: { rtprio: { soft: 1 } } }, 'spec.ulimits.rtprio: unknown field'],
    ['no limit of files', { ulimits: { nofile: { soft: -1 } } }, 'spec.ulimits.nofile: Linux has no unlimited'],
    [
      'soft over hard',
      { ulimits: { core: { soft: 2, hard: 1 } } },
      'spec.ulimits.core: soft (2) is more than hard (1)',
    ],
    [
      'the host’s kernel',
      { sysctls: { 'vm.swappiness': '1' } },
      'spec.sysctls["vm.swappiness"]: it would hold for the',
    ],
    ['its name by the kernel', { sysctls: { 'kernel.hostname': 'x' } }, 'it would hold for the whole host'],
    ['a way out of /proc/sys', { sysctls: { 'net/../vm.x': '1' } }, 'the key is not a kernel setting such as'],
    ['a setting of two lines', { sysctls: { 'net.a': '1\n2' } }, 'spec.sysctls["net.a"]: expected one line'],
    ['protection from others', { oomScoreAdjust: -1 }, 'spec.oomScoreAdjust: -1 is under 0: it would protect'],
    ['swap without memory', { memorySwap: '1g' }, 'spec.memorySwap: is memory and swap together: set resources.memory'],
    [
      'swap under memory',
      { resources: { memory: '2g' }, memorySwap: '1g' },
      'spec.memorySwap: 1g is less than resources.memory, 2g',
    ],
    [
      'more reserved than it has',
      { resources: { memory: '8m' }, memoryReservation: '9m' },
      'spec.memoryReservation: 9m is more than resources.memory, 8m',
    ],
    ['tmpfs over the kernel’s', { tmpfs: [{ mountPath: '/proc/x' }] }, 'spec.tmpfs[0].mountPath: cannot be /, nor in'],
    ['tmpfs over shared memory', { tmpfs: [{ mountPath: '/dev/shm' }] }, 'cannot be /dev/shm; set shmSize'],
    [
      'tmpfs over a volume',
      { tmpfs: [{ mountPath: '/d' }], volumes: [{ name: 'd', mountPath: '/d' }] },
      'spec.tmpfs[0].mountPath: /d is already the mount path of volumes[0]',
    ],
    ['a name for an address', { dns: { servers: ['ns1'] } }, 'spec.dns.servers[0]: "ns1" is not an address'],
    ['a host of no address', { extraHosts: { db: 'other' } }, 'spec.extraHosts.db: "other" is neither an address'],
    ['no signal', { stopSignal: 'TERM' }, 'spec.stopSignal: expected one of SIGTERM'],
    ['processors backwards', { cpuSet: '0,3-1' }, 'spec.cpuSet: "3-1" runs backwards'],
    [
      'a log to anywhere',
      { logs: { driver: 'syslog', options: { 'syslog-address': 'tcp://127.0.0.1:6379' } } },
      'spec.logs.options["syslog-address"]: the Engine',
    ],
    [
      'a size by the driver’s word',
      { logs: { options: { 'max-size': '1m' } } },
      'spec.logs.options["max-size"]: set logs.maxSize',
    ],
    [
      'an option of another driver',
      { logs: { driver: 'none', options: { tag: 'x' } } },
      'is no option of none here; there is none',
    ],
    ['a driver that cannot be read', { logs: { driver: 'fluentd' } }, 'spec.logs.driver: expected one of json-file'],
    ['a name that is none', { aliases: ['-x'] }, 'spec.aliases[0]: expected a host name such as db'],
    ['a device beside what is allowed', { devices: [{ hostPath: '/sys/x' }] }, 'allowed is only /dev'],
    ['a way out of what is allowed', { devices: [{ hostPath: '/dev/../sys/x' }] }, 'needless slashes: "/sys/x"'],
    [
      'some GPUs and these',
      { gpus: { count: 1, ids: ['0'] } },
      'spec.gpus: give exactly one of count (-1: all) and ids',
    ],
    [
      'a folder of a folder of the host',
      { volumes: [{ hostPath: '/dev', subPath: 'a', mountPath: '/s' }] },
      'volumes[0].subPath: is of named volumes',
    ],
    [
      'a way out of a volume',
      { volumes: [{ name: 'a', subPath: 'b/../../c', mountPath: '/s' }] },
      'volumes[0].subPath: must be a path in the volume',
    ],
    ['no GPU', { gpus: { count: 0 } }, 'spec.gpus.count: must be at least 1, or -1 for all'],
    [
      'a folder of the host as a volume',
      volume({ type: 'none', device: '/etc', o: 'bind' }),
      'driverOptions.type: expected one of',
    ],
    [
      'the same by mount’s options',
      volume({ type: 'tmpfs', o: 'size=1m,bind' }),
      'driverOptions.o: bind is not for a volume',
    ],
    [
      'a path that is no server’s',
      volume({ type: 'nfs', device: '/etc', o: 'addr=10.9.9.9' }),
      'a colon, such as :/export',
    ],
    ['NFS of nowhere', volume({ type: 'nfs', device: ':/x', o: 'rw' }), 'driverOptions.o: addr= must name the server'],
    ['another server', volume({ type: 'nfs4', device: ':/x', o: 'addr=10.9.9.8' }), '10.9.9.8 may not be mounted from'],
    ['two servers', volume({ type: 'nfs', device: ':/x', o: 'addr=10.9.9.9,addr=10.9.9.8' }), '10.9.9.8 may not be'],
    [
      'one volume in two ways',
      {
        volumes: [
          ...volume({ type: 'tmpfs' }).volumes,
          { ...volume({ type: 'tmpfs', o: 'size=1m' }).volumes[0], mountPath: '/b' },
        ],
      },
      'spec.volumes[1].driverOptions: differ from those of volumes[0]',
    ],
    ['no shared memory', { shmSize: '0' }, 'spec.shmSize: must be more than 0'],
    ['no processes', { pidsLimit: 0 }, 'spec.pidsLimit: must be at least 1, found 0'],
  ])('%s', (_what, spec, expected) => {
    expect(causes(spec).join('\n')).toContain(expected);
  });
});

it('what the settings allow is taken', () => {
  expect(causes({ devices: [{ hostPath: '/dev/kvm', permissions: 'rw' }], gpus: { ids: ['0'] } })).toEqual([]);
  expect(causes(volume({ type: 'nfs', device: ':/x', o: 'addr=10.9.9.9,rw' }))).toEqual([]);
});

const specOf = (r: Resource) => r.spec as unknown as InstanceSpec;
const older = (r: Resource): Resource => {
  const { init: _, ...spec } = specOf(r);
  return { ...r, spec: spec as unknown as Resource['spec'] };
};

describe('init', () => {
  const document = (spec: object = {}) => raw('Instance', { image: 'x', ...spec });
  const kind = KINDS.must('Instance');
  const made = make('Instance', { image: 'x' });

  it.each<[string, () => Resource, boolean | undefined]>([
    ['is true for what is made from now on', () => made, true],
    ['is what it is told to be', () => make('Instance', { image: 'x', init: false }), false],
    [
      'is not filled in where it was stored without',
      () => replace(kind, document({ tty: true }), older(made), view, context),
      undefined,
    ],
    ['nor by an apply', () => applyDocument(kind, document({ tty: true }), older(made), view, context), undefined],
    ['can be set there', () => applyDocument(kind, document({ init: true }), older(made), view, context), true],
    ['stays when a replacement leaves it out', () => replace(kind, document({ tty: true }), made, view, context), true],
    [
      'is the default again when its line is taken away',
      () =>
        applyDocument(
          kind,
          document(),
          applyDocument(kind, document({ init: false }), undefined, view, context),
          view,
          context,
        ),
      true,
    ],
  ])('%s', (_what, result, expected) => {
    expect(specOf(result()).init).toBe(expected);
  });

  it('a group of before rolls nothing, and makes new instances as its old ones are', async () => {
    const world = new World();
    const daemon = await world.start();
    onTestFinished(() => daemon.stop());
    const group = (count: number) => ({
      kind: 'ScalingGroup',
      metadata: { name: 'web' },
      spec: {
        minInstances: 1,
        maxInstances: 3,
        desiredCount: count,
        template: { spec: { image: 'app:1', init: false } },
      },
    });
    await daemon.apply(group(1));
    await daemon.settle(10_000);
    const before = daemon.get('ScalingGroup', 'web') as ScalingGroup;
    const { init: _, ...template } = before.spec.template.spec;
    // As an older version stored it.
    const stored = { ...before, spec: { ...before.spec, template: { spec: template } } } as unknown as Resource;
    await daemon.store.commit({ decide: () => ({ put: [stored] }) });
    const made = [...world.engine.containers.keys()];
    await daemon.apply({ ...group(2), spec: { ...group(2).spec, template: { spec: { image: 'app:1' } } } });
    await daemon.settle(60_000);
    expect((daemon.get('ScalingGroup', 'web') as ScalingGroup).spec.template.spec.init).toBeUndefined();
    expect(world.documents.filter(isInstance).map((i) => i.spec.init)).toEqual([false, false]);
    expect([...world.engine.containers.keys()]).toEqual(expect.arrayContaining(made));
    expect(world.engine.containers.size).toBe(2);
  });

  it('a template that is gone back to says what it did not say, and is the same', () => {
    const group = make('ScalingGroup', { minInstances: 1, maxInstances: 1, template: { spec: { image: 'x' } } });
    const { template } = (group as ScalingGroup).spec;
    expect(template.spec.init).toBe(true);
    const { init: _, ...spec } = template.spec;
    const revision: Revision = { revision: 1, hash: '', createdAt: '', template: { spec } };
    expect(templateOf(revision).spec.init).toBe(false);
    expect(templateHash(templateOf(revision))).toBe(templateHash({ spec }));
    expect(templateHash(template)).not.toBe(templateHash({ spec }));
  });
});
