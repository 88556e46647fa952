import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../../src/kinds/index.ts';
import type { Vpc } from '../../../src/kinds/vpc/types.ts';
import { create } from '../../../src/admission/operations.ts';
import { absent, present, unobservable } from '../../../src/base/observed.ts';
import type { Observed } from '../../../src/base/observed.ts';
import { planVpc } from '../../../src/kinds/vpc/plan.ts';
import type { VpcObserved, VpcStep } from '../../../src/kinds/vpc/plan.ts';
import { reportVpc } from '../../../src/kinds/vpc/report.ts';
import type { MetadataAccess, Network } from '../../../src/drivers/compute.ts';
import { engineName } from '../../../src/drivers/labels.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { settings } from '../../../src/proof/person.ts';

const now = new Date('2026-01-01T00:00:00Z');
const context = { settings, now, fieldValidation: 'Strict' as const, warnings: [], manager: 'test' };
const document = {
  apiVersion: 'miniaws.dev/v1',
  kind: 'VPC',
  metadata: { name: 'main' },
  spec: { cidrBlock: '10.1.0.0/24' },
};
const vpc = create(KINDS.must('VPC'), document, new Mirror(KINDS), context) as Vpc;
const deleted: Vpc = { ...vpc, metadata: { ...vpc.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };

const owner = { uid: vpc.metadata.uid, kind: 'VPC', namespace: 'default', name: 'main', generation: 1 };
const network = (over: Partial<Network> = {}): Network => ({
  id: 'n1',
  name: engineName(owner),
  owner,
  cidrBlock: '10.1.0.0/24',
  gateway: '10.1.0.1',
  internal: false,
  ...over,
});
const seen = (
  networks: Observed<readonly Network[]>,
  users: readonly string[] = [],
  ...host: string[]
): VpcObserved => ({
  networks,
  metadata: present('closed'),
  allowsMetadata: false,
  users,
  hostRanges: host.map((cidrBlock) => ({ interface: 'lan0', cidrBlock })),
});
/** Whose way to the metadata service is as given. */
const withMetadata = (
  metadata: Observed<MetadataAccess>,
  allowsMetadata = false,
  networks: Observed<readonly Network[]> = present([network()]),
): VpcObserved => ({ ...seen(networks), metadata, allowsMetadata });
const words = (step: VpcStep): string =>
  step.do === 'createNetwork' ? 'create' : step.do === 'removeNetwork' ? `remove ${step.id}` : step.access;
const planMetadata = (v: Vpc, ...observed: Parameters<typeof withMetadata>) =>
  planVpc(v, withMetadata(...observed)).map(words);
const plan = (v: Vpc, ...observed: Parameters<typeof seen>) => planVpc(v, seen(...observed)).map(words);
const report = (v: Vpc, ...observed: Parameters<typeof seen>) =>
  reportVpc(v, seen(...observed), planVpc(v, seen(...observed)));

describe('the plan of a VPC', () => {
  it.each<[string, string[], string[]]>([
    ['nothing there', plan(vpc, absent), ['create']],
    ['as specified', plan(vpc, present([network()])), []],
    ['I4: unobservable', plan(vpc, unobservable('out of reach')), []],
    ['I4: unobservable, deleted', plan(deleted, unobservable('out of reach')), []],
    ['another range', plan(vpc, present([network({ cidrBlock: '10.2.0.0/24' })])), ['remove n1', 'create']],
    ['internal by mistake', plan(vpc, present([network({ internal: true })])), ['remove n1', 'create']],
    ['one too many', plan(vpc, present([network({ id: 'n2', name: 'copy' }), network()])), ['remove n2']],
    ['deleted, in use', plan(deleted, present([network()]), ['default/web']), []],
    ['deleted', plan(deleted, present([network()])), ['remove n1']],
    ['deleted and gone', plan(deleted, absent), []],
    ['the host is on the range', plan(vpc, absent, [], '10.1.0.0/24'), []],
    ['the host is on a part of it', plan(vpc, absent, [], '10.9.0.0/24', '10.1.0.128/25'), []],
    ['the host is on more than it', plan(vpc, absent, [], '10.0.0.0/8'), []],
    ['the host is beside it', plan(vpc, absent, [], '10.1.1.0/24'), ['create']],
    ['the host came to the range later', plan(vpc, present([network()]), [], '10.1.0.0/24'), []],
    [
      'wrong, and the host is on the range',
      plan(vpc, present([network({ internal: true })]), [], '10.1.0.0/24'),
      ['remove n1'],
    ],
    ['deleted, and the host is on the range', plan(deleted, present([network()]), [], '10.1.0.0/24'), ['remove n1']],
  ])('%s', (_what, got, expected) => {
    expect(got).toEqual(expected);
  });

  it.each<[string, string[], string[]]>([
    ['open', planMetadata(vpc, present('open')), ['closed']],
    ['closed', planMetadata(vpc, present('closed')), []],
    ['I4: unobservable', planMetadata(vpc, unobservable('no iptables')), []],
    ['allowed, open', planMetadata(vpc, present('open'), true), []],
    ['allowed, closed before', planMetadata(vpc, present('closed'), true), ['open']],
    ['allowed, unobservable', planMetadata(vpc, unobservable('no iptables'), true), []],
    ['open, and no network yet', planMetadata(vpc, present('open'), false, absent), ['closed', 'create']],
    ['unobservable, and no network yet', planMetadata(vpc, unobservable('no'), false, absent), ['create']],
    ['open, and the Engine out of reach', planMetadata(vpc, present('open'), false, unobservable('no')), []],
    ['deleted, open', planMetadata(deleted, present('open')), ['remove n1']],
  ])('keeps it from the metadata service: %s', (_what, got, expected) => {
    expect(got).toEqual(expected);
  });

  it('is not Ready before it is kept from the metadata service; where that cannot be done it is, and Degraded', () => {
    const judge = (observed: VpcObserved) => reportVpc(vpc, observed, planVpc(vpc, observed));
    expect(judge(withMetadata(present('open'))).conditions[0]).toMatchObject({ status: 'False' });
    const closed = judge(withMetadata(present('closed')));
    expect(closed).toMatchObject({
      outcome: { is: 'reconciled' },
      conditions: [{ status: 'True' }, {}, { status: 'False' }],
    });
    expect(closed.outcome).not.toHaveProperty('afterMs');
    const unguarded = judge(withMetadata(unobservable('iptables: not found')));
    expect(unguarded.outcome).toEqual({ is: 'reconciled', afterMs: 60_000 });
    expect(unguarded.conditions[0]).toMatchObject({ type: 'Ready', status: 'True' });
    expect(unguarded.conditions[2]).toMatchObject({ type: 'Degraded', status: 'True', reason: 'MetadataUnguarded' });
    expect(unguarded.conditions[2]?.message).toMatch(/iptables: not found.*--allow-metadata yes/);
    expect(judge(withMetadata(unobservable('not found'), true)).conditions[2]).toMatchObject({ status: 'False' });
  });

  it('says Ready, its row and its outcome as the network is', () => {
    expect(report(vpc, present([network()]))).toMatchObject({
      outcome: { is: 'reconciled' },
      inventory: { table: 'vpcs', networkId: 'n1', gatewayId: '10.1.0.1' },
    });
    expect(report(vpc, absent)).not.toHaveProperty('inventory');
    expect(
      report(deleted, present([network()]), ['Instance default/a', 'Instance default/b']).conditions[0],
    ).toMatchObject({
      reason: 'InUse',
      message: 'its deletion waits for Instance default/a, Instance default/b',
    });
    expect(report(deleted, absent).outcome).toEqual({ is: 'gone' });
    expect(report(deleted, absent, [], '10.1.0.0/24').outcome).toEqual({ is: 'gone' });
    const internal: Vpc = { ...vpc, spec: { ...vpc.spec, internetGateway: false } };
    expect(report(internal, present([network({ internal: true })])).inventory).toMatchObject({ gatewayId: null });
  });

  it('names the interface of the host that is in the way, and looks again; a network that is there is kept', () => {
    const clash = report(vpc, absent, [], '10.9.0.0/24', '10.1.0.0/16');
    expect(clash.conditions[0]).toMatchObject({ status: 'False', reason: 'CidrOverlap' });
    expect(clash.conditions[0]?.message).toMatch(
      /10\.1\.0\.0\/24 overlaps 10\.1\.0\.0\/16 of the host's interface lan0.*another cidrBlock/,
    );
    expect(clash.outcome).toMatchObject({ is: 'waiting' });
    expect(report(vpc, present([network()]), [], '10.1.0.0/24').conditions[0]).toMatchObject({ status: 'True' });
  });

  it('every world converges, then plans nothing (I1, I2)', () => {
    const networks = fc.array(
      fc.record({
        id: fc.uuid(),
        name: fc.constantFrom(engineName(owner), 'copy'),
        cidrBlock: fc.constantFrom('10.1.0.0/24', '10.2.0.0/24'),
        internal: fc.boolean(),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(networks, fc.boolean(), fc.boolean(), fc.boolean(), (drifts, isDeleted, isOpen, allows) => {
        let there = drifts.map((d) => network(d));
        let access: MetadataAccess = isOpen ? 'open' : 'closed';
        const observed = () => withMetadata(present(access), allows, present(there));
        const v = isDeleted ? deleted : vpc;
        for (const step of planVpc(v, observed())) {
          if (step.do === 'setMetadataAccess') access = step.access;
          if (step.do === 'removeNetwork') there = there.filter((n) => n.id !== step.id);
          if (step.do === 'createNetwork') there = [...there, network({ id: 'new' })];
          // None is made that reaches what it may not.
          if (step.do === 'createNetwork') expect(access).toBe(allows ? 'open' : 'closed');
        }
        expect(planVpc(v, observed())).toEqual([]);
        expect(there).toHaveLength(isDeleted ? 0 : 1);
      }),
    );
  });
});
