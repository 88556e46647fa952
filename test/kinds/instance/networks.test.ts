import { describe, expect, it } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import { create } from '../../../src/admission/operations.ts';
import { StatusError } from '../../../src/base/errors.ts';
import { absent, present } from '../../../src/base/observed.ts';
import type { Container, Network } from '../../../src/drivers/compute.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import type { NetworkObserved } from '../../../src/kinds/instance/networks.ts';
import { planInstance } from '../../../src/kinds/instance/plan.ts';
import { reportInstance } from '../../../src/kinds/instance/report.ts';
import { printStep } from '../../../src/kinds/instance/steps.ts';
import { specHash } from '../../../src/kinds/instance/spec-hash.ts';
import type { Instance, SecondaryNetwork } from '../../../src/kinds/instance/types.ts';
import { claimAddress } from '../../../src/kinds/shared/ip-address.ts';
import type { VpcObserved } from '../../../src/kinds/shared/vpc-reference.ts';
import { settings } from '../../../src/proof/person.ts';
import { World } from '../../../src/proof/world.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { containerOf, instance, NETWORK, NOW, observed } from './support.ts';

const BACK: Network = { ...NETWORK, id: 'net2', name: 'default-back-2', cidrBlock: '10.2.0.0/24', gateway: '10.2.0.1' };
const READY: VpcObserved = { is: 'ready', uid: 'b', network: BACK };
const AT_HOME = { networkId: 'net1', address: '10.1.0.9', aliases: ['web'] };
const AT_BACK = { networkId: 'net2', address: '10.2.0.9', aliases: ['web'] };
const back = (over: Partial<SecondaryNetwork> = {}) => ({ vpc: 'back', ...over });

interface Case {
  wanted?: readonly SecondaryNetwork[];
  /** `undefined`: none is stored. */
  held?: string;
  vpc?: VpcObserved;
  /** `undefined`: there is no container. */
  attachments?: Container['attachments'];
  over?: Partial<Container>;
}

function seen({ wanted = [back()], held, vpc = READY, attachments, over }: Case) {
  const networks = held === undefined ? {} : { networks: [{ vpc: 'back', vpcUid: 'b', privateIp: held }] };
  const status = { privateIp: '10.1.0.9', vpcUid: 'v', ...networks };
  const i = instance(wanted.length > 0 ? { networks: wanted } : {}, { status });
  const container = attachments && containerOf(i, { attachments, ...over });
  const beside = wanted.map((network): NetworkObserved => ({ wanted: network, vpc }));
  const o = observed(container ? present([container]) : absent, { networks: beside });
  return { i, o, plan: planInstance(i, o, NOW) };
}

const both = [AT_HOME, AT_BACK];
const at = (address: string, aliases = ['web']) => [AT_HOME, { networkId: 'net2', address, aliases }];

describe('the plan of an instance in two VPCs', () => {
  it.each<[string, Case, string[]]>([
    ['it is made', { held: '10.2.0.9' }, ['createContainer', 'joinNetwork', 'startContainer']],
    ['it has no address there', {}, ['claimAddress', 'createContainer', 'joinNetwork', 'startContainer']],
    ['the VPC is not ready', { vpc: { is: 'pending' } }, []],
    ['the VPC does not exist', { vpc: { is: 'missing' } }, []],
    ['it is the default one', { wanted: [{ vpc: 'default' }], vpc: { is: 'missing' } }, ['createDefaultVpc']],
    ['as specified', { held: '10.2.0.9', attachments: both }, []],
    ['the network is added', { attachments: [AT_HOME] }, ['claimAddress']],
    ['the network is added, the address stored', { held: '10.2.0.9', attachments: [AT_HOME] }, ['connectContainer']],
    ['the network is added, and not ready', { vpc: { is: 'pending' }, attachments: [AT_HOME] }, []],
    ['the network is removed', { wanted: [], held: '10.2.0.9', attachments: both }, ['disconnectContainer']],
    ['disconnected by hand', { held: '10.2.0.9', attachments: [AT_HOME] }, ['connectContainer']],
    ['disconnected from both by hand', { held: '10.2.0.9', attachments: [] }, ['connectContainer', 'connectContainer']],
    [
      'at another address by hand',
      { held: '10.2.0.9', attachments: at('10.2.0.7') },
      ['disconnectContainer', 'connectContainer'],
    ],
    [
      'another address is asked for',
      { wanted: [back({ privateIp: '10.2.0.8' })], held: '10.2.0.9', attachments: both },
      ['claimAddress', 'disconnectContainer'],
    ],
    [
      'an alias is added',
      { wanted: [back({ aliases: ['db'] })], held: '10.2.0.9', attachments: both },
      ['disconnectContainer', 'connectContainer'],
    ],
    [
      'an alias is there',
      { wanted: [back({ aliases: ['db'] })], held: '10.2.0.9', attachments: at('10.2.0.9', ['db', 'web']) },
      [],
    ],
    [
      'I4: the VPC cannot be observed',
      { held: '10.2.0.9', vpc: { is: 'unobservable', why: 'out of reach' }, attachments: both },
      [],
    ],
    ['the VPC is being deleted', { held: '10.2.0.9', vpc: { is: 'deleting' }, attachments: both }, []],
    [
      'stopped, and never joined: a crash after its creation',
      { held: '10.2.0.9', attachments: [AT_HOME], over: { state: 'created' } },
      ['connectContainer', 'startContainer'],
    ],
    [
      'never started, and without an address there',
      { attachments: [AT_HOME], over: { state: 'created' } },
      ['claimAddress'],
    ],
    [
      'never started, and the VPC is gone',
      { held: '10.2.0.9', vpc: { is: 'missing' }, attachments: [AT_HOME], over: { state: 'created' } },
      [],
    ],
    [
      'the default one is added',
      { wanted: [{ vpc: 'default' }], vpc: { is: 'missing' }, attachments: [AT_HOME] },
      ['createDefaultVpc'],
    ],
  ])('%s', (_what, given, expected) => {
    expect(seen(given).plan.map((step) => step.do)).toEqual(expected);
  });

  it('connects at the stored address, under its names', () => {
    const { plan, i } = seen({ wanted: [back({ aliases: ['db'] })], held: '10.2.0.9', attachments: [AT_HOME] });
    expect(plan).toMatchObject([{ networkId: 'net2', address: '10.2.0.9', aliases: ['web', 'db'] }]);
    expect(plan.map((step) => printStep(step, i))).toEqual([
      expect.stringMatching(/^connect container .* to VPC back at 10\.2\.0\.9$/),
    ]);
  });

  it('the field makes no other container', () => {
    const networks = [back({ privateIp: '10.2.0.8', aliases: ['db'] })];
    expect(specHash(instance({ networks }).spec)).toBe(specHash(instance().spec));
  });
});

describe('the report of an instance in two VPCs', () => {
  const report = (given: Case) => {
    const { i, o, plan } = seen(given);
    return reportInstance(i, o, plan, NOW);
  };
  const readyOf = (given: Case) => report(given).conditions.find(({ type }) => type === 'Ready');

  it.each<[string, Case]>([
    ['made', {}],
    ['attached', { attachments: [AT_HOME] }],
    ['made anew', { attachments: both, held: '10.2.0.9', over: { specHash: 'v1 image=000000000000' } }],
  ])('names the VPC that it waits for before a container is %s', (_what, given) => {
    const missing: Case = { ...given, vpc: { is: 'missing' } };
    const message = 'VPC default/back does not exist; create it';
    expect(readyOf(missing)).toMatchObject({ status: 'False', reason: 'VpcNotReady', message });
    expect(report(missing).outcome).toMatchObject({ is: 'waiting', on: 'VPC default/back' });
  });

  it('one that is attached waits for nothing', () => {
    expect(readyOf({ held: '10.2.0.9', attachments: both, vpc: { is: 'deleting' } })).toMatchObject({ status: 'True' });
  });

  it('gives an address back when no container has it', () => {
    const stored = [{ vpc: 'back', vpcUid: 'b', privateIp: '10.2.0.9' }];
    const left = { wanted: [], held: '10.2.0.9' };
    expect(report({ ...left, attachments: both }).status).toMatchObject({ networks: stored });
    expect(report({ ...left, attachments: [AT_HOME] }).status).not.toHaveProperty('networks');
    expect(report({ held: '10.2.0.9', attachments: [AT_HOME] }).status).toMatchObject({ networks: stored });
  });
});

const context = { settings, now: NOW, fieldValidation: 'Strict' as const, warnings: [], manager: 'test' };
const document = (kind: string, name: string, spec: object) => ({
  apiVersion: 'miniaws.dev/v1',
  kind,
  metadata: { name, namespace: 'default' },
  spec,
});

function mirror(...documents: ReturnType<typeof document>[]): Mirror {
  const view = new Mirror(KINDS);
  for (const each of documents) {
    view.set(create(KINDS.must(each.kind), each, view, context));
  }
  return view;
}

const vpcs = () =>
  mirror(
    document('VPC', 'main', { cidrBlock: '10.1.0.0/24' }),
    document('VPC', 'back', { cidrBlock: '10.2.0.0/28' }),
    document('Instance', 'other', { image: 'app:1', vpc: 'main', networks: [{ vpc: 'back', privateIp: '10.2.0.5' }] }),
  );

describe('admission', () => {
  const causes = (kind: string, spec: object) => {
    try {
      create(KINDS.must(kind), document(kind, 'web', spec), vpcs(), context);
      return [];
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return error.causes.map(({ field, message }) => `${field}: ${message}`);
    }
  };
  const five = ['a', 'b', 'c', 'd', 'e'].map((vpc) => ({ vpc }));

  it.each<[object[], string[]]>([
    [
      [
        { vpc: 'back', privateIp: '10.2.0.6' },
        { vpc: 'not-there-yet', privateIp: '10.9.0.1' },
      ],
      [],
    ],
    [[{ vpc: 'main' }], ['spec.networks[0].vpc: main is the VPC that it is in already: spec.vpc']],
    [[{ vpc: 'back' }, { vpc: 'back' }], ['spec.networks[1].vpc: back is already networks[0]']],
    [
      [{ vpc: 'back', privateIp: '10.1.0.6' }],
      ['spec.networks[0].privateIp: "10.1.0.6" is not an address of 10.2.0.0/28, the range of VPC back'],
    ],
    [
      [{ vpc: 'back', privateIp: '10.2.0.1' }],
      ['spec.networks[0].privateIp: 10.2.0.1 is the gateway address of VPC back'],
    ],
    [
      [{ vpc: 'back', privateIp: '10.2.0.5' }],
      ['spec.networks[0].privateIp: 10.2.0.5 is held by Instance default/other'],
    ],
    [five, [expect.stringMatching(/^spec\.networks: .*4/)]],
    [[{ vpc: 'back', aliases: ['a b'] }], [expect.stringMatching(/^spec\.networks\[0\]\.aliases\[0\]: /)]],
  ])('%j', (networks, expected) => {
    expect(causes('Instance', { image: 'app:1', vpc: 'main', networks })).toEqual(expected);
  });

  it('a primary address is held by what has it beside its own VPC', () => {
    expect(causes('Instance', { image: 'app:1', vpc: 'back', privateIp: '10.2.0.5' })).toEqual([
      'spec.privateIp: 10.2.0.5 is held by Instance default/other',
    ]);
  });

  it('a group gives one address to no more than one, and takes no VPC twice', () => {
    const group = (networks: object[]) =>
      causes('ScalingGroup', {
        vpc: 'main',
        minInstances: 1,
        maxInstances: 2,
        template: { spec: { image: 'app:1', networks } },
      });
    expect(group([{ vpc: 'back' }])).toEqual([]);
    expect(group([{ vpc: 'back', privateIp: '10.2.0.6' }])).toEqual([
      expect.stringMatching(/^spec\.template\.spec\.networks\[0\]\.privateIp: one address cannot be given to all/),
    ]);
    expect(group([{ vpc: 'main' }])).toEqual([
      expect.stringMatching(/^spec\.template\.spec\.networks\[0\]\.vpc: main is the VPC/),
    ]);
  });
});

describe('the claim', () => {
  it('gives every address of a VPC once, whoever is in it beside another or at home', () => {
    const view = vpcs();
    const addresses = new Set<string>();
    for (let n = 0; n < 12; n++) {
      const spec =
        n % 2 ? { image: 'app:1', vpc: 'back' } : { image: 'app:1', vpc: 'main', networks: [{ vpc: 'back' }] };
      const made = create(KINDS.must('Instance'), document('Instance', `i${n}`, spec), view, context);
      const status = claimAddress(made as Instance, view);
      addresses.add((n % 2 ? status.privateIp : status.networks?.[0]?.privateIp) ?? '');
      view.set({ ...made, status });
      expect(claimAddress({ ...made, status } as Instance, view)).toEqual({});
    }
    // 14 of a /28, without its gateway and the one that is asked for by its number.
    expect(addresses.size).toBe(12);
    expect(addresses).not.toContain('10.2.0.1');
    expect(addresses).not.toContain('10.2.0.5');
    const late = document('Instance', 'late', { image: 'app:1', vpc: 'main', networks: [{ vpc: 'back' }] });
    const one = create(KINDS.must('Instance'), late, view, context) as Instance;
    expect(() => claimAddress(one, view)).toThrow(/every address of 10\.2\.0\.0\/28 is given out/);
  });

  it('leaves a VPC that is not there yet for later', () => {
    const i = instance({ networks: [{ vpc: 'back' }, { vpc: 'later' }] }, { status: {} });
    expect(claimAddress(i, vpcs()).networks?.map(({ vpc }) => vpc)).toEqual(['back']);
  });
});

it('an instance moves in and out of a second VPC, whose deletion waits for it', async () => {
  const world = new World();
  const daemon = await world.start();
  const web = (networks: object[]) => ({
    kind: 'Instance',
    metadata: { name: 'web' },
    spec: { image: 'app:1', vpc: 'main', networks },
  });
  await daemon.apply({ kind: 'VPC', metadata: { name: 'main' }, spec: { cidrBlock: '10.1.0.0/24' } });
  await daemon.apply(web([{ vpc: 'back' }]));
  await daemon.settle(5_000);
  const found = () => daemon.get('Instance', 'web') as Instance | undefined;
  const ready = () => findCondition(found() as Instance, 'Ready');
  expect(ready()).toMatchObject({ status: 'False', message: 'VPC default/back does not exist; create it' });
  expect(world.engine.containers.size).toBe(0);

  await daemon.apply({ kind: 'VPC', metadata: { name: 'back' }, spec: { cidrBlock: '10.2.0.0/24' } });
  await daemon.settle(5_000);
  const [container] = [...world.engine.containers.values()];
  const addresses = () => [...(container?.attachments.values() ?? [])].map(({ address }) => address);
  expect(ready()).toMatchObject({ status: 'True' });
  expect(addresses()).toEqual([found()?.status?.privateIp, found()?.status?.networks?.[0]?.privateIp]);

  await daemon.delete('VPC/default/back');
  await daemon.settle(5_000);
  expect(daemon.get('VPC', 'back')).toBeDefined();
  expect(addresses()).toHaveLength(2);

  await daemon.apply(web([]));
  await daemon.settle(5_000);
  expect(daemon.get('VPC', 'back')).toBeUndefined();
  expect(addresses()).toEqual([found()?.status?.privateIp]);
  expect(found()?.status).not.toHaveProperty('networks');
  expect([...world.engine.containers.keys()]).toEqual([container?.id]);
  await daemon.stop();
});
