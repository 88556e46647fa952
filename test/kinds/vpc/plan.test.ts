import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../../src/kinds/index.ts';
import type { Vpc } from '../../../src/kinds/vpc/types.ts';
import { create } from '../../../src/admission/operations.ts';
import { absent, present, unobservable } from '../../../src/base/observed.ts';
import type { Observed } from '../../../src/base/observed.ts';
import { planVpc } from '../../../src/kinds/vpc/plan.ts';
import type { VpcObserved } from '../../../src/kinds/vpc/plan.ts';
import { reportVpc } from '../../../src/kinds/vpc/report.ts';
import type { Network } from '../../../src/drivers/compute.ts';
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
  users,
  hostRanges: host.map((cidrBlock) => ({ interface: 'lan0', cidrBlock })),
});
const plan = (v: Vpc, ...observed: Parameters<typeof seen>) =>
  planVpc(v, seen(...observed)).map((s) => (s.do === 'createNetwork' ? 'create' : `remove ${s.id}`));
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
      fc.property(networks, fc.boolean(), (drifts, isDeleted) => {
        let there = drifts.map((d) => network(d));
        const v = isDeleted ? deleted : vpc;
        for (const step of planVpc(v, seen(present(there)))) {
          there =
            step.do === 'removeNetwork' ? there.filter((n) => n.id !== step.id) : [...there, network({ id: 'new' })];
        }
        expect(planVpc(v, seen(present(there)))).toEqual([]);
        expect(there).toHaveLength(isDeleted ? 0 : 1);
      }),
    );
  });
});
