import { describe, expect, it } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import { absent, present } from '../../../src/base/observed.ts';
import type { Container, Network } from '../../../src/drivers/compute.ts';
import type { NetworkObserved } from '../../../src/kinds/instance/networks.ts';
import { planInstance } from '../../../src/kinds/instance/plan.ts';
import { reportInstance } from '../../../src/kinds/instance/report.ts';
import { printStep } from '../../../src/kinds/instance/steps.ts';
import { specHash } from '../../../src/kinds/instance/spec-hash.ts';
import type { Instance, SecondaryNetwork } from '../../../src/kinds/instance/types.ts';
import type { VpcObserved } from '../../../src/kinds/shared/vpc-reference.ts';
import { World } from '../../../src/proof/world.ts';
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
