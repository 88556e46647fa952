import { describe, expect, it } from 'vitest';
import { create } from '../../../src/admission/operations.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import type { Instance } from '../../../src/kinds/instance/types.ts';
import { selectedTargets } from '../../../src/kinds/load-balancer/types.ts';
import type { LoadBalancer } from '../../../src/kinds/load-balancer/types.ts';
import { claimAddress } from '../../../src/kinds/shared/ip-address.ts';
import { settings } from '../../../src/proof/person.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { instance, NOW } from './support.ts';
import { causesOf } from '../../support/refusal.ts';

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
  const causes = (kind: string, spec: object) =>
    causesOf(() => create(KINDS.must(kind), document(kind, 'web', spec), vpcs(), context));
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

it('load balancers have their targets in the primary VPC', () => {
  const view = vpcs();
  const targetsIn = (vpc: string) => {
    const spec = { vpc, listeners: [{ port: 80 }], targetGroups: [{ name: 'all', selector: {}, targetPort: 80 }] };
    const made = { ...document('LoadBalancer', 'front', spec) } as unknown as LoadBalancer;
    return selectedTargets(made, view).map((target) => target.instance.metadata.name);
  };
  expect(targetsIn('main')).toEqual(['other']);
  expect(targetsIn('back')).toEqual([]);
});
