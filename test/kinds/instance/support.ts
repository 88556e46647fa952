import type { Instance } from '../../../src/kinds/instance/types.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { create } from '../../../src/admission/operations.ts';
import type { View } from '../../../src/api/kind.ts';
import { definedOnly, orNothing } from '../../../src/base/defined.ts';
import { digestBy, macWith } from '../../../src/base/hash.ts';
import { ownFields } from '../../../src/kinds/instance/config/own-fields.ts';
import { resolveConfig } from '../../../src/kinds/instance/config/resolve.ts';
import type { ResolvedConfig } from '../../../src/kinds/instance/config/resolve.ts';
import type { InstanceObserved } from '../../../src/kinds/instance/plan.ts';
import { containerSpecOf } from '../../../src/kinds/instance/container-spec.ts';
import type { Container, Network } from '../../../src/drivers/compute.ts';
import { limitsOf } from '../../../src/drivers/simulated/limits.ts';
import { settings } from '../../../src/proof/person.ts';
import { Mirror } from '../../../src/store/mirror.ts';

export const NOW = new Date('2026-01-01T01:00:00Z');
export const NETWORK: Network = {
  id: 'net1',
  name: 'default-main-1',
  owner: { uid: 'v', kind: 'VPC', namespace: 'default', name: 'main', generation: 1 },
  cidrBlock: '10.1.0.0/24',
  gateway: '10.1.0.1',
  internal: false,
};

/** As it is stored when it was made from this specification. */
export function instance(spec: object = {}, over: Partial<Instance> = {}): Instance {
  const document = {
    apiVersion: 'miniaws.dev/v1',
    kind: 'Instance',
    metadata: { name: 'web', namespace: 'default' },
    spec: { image: 'app:1', vpc: 'main', ...spec },
  };
  const context = { settings, now: NOW, fieldValidation: 'Strict' as const, warnings: [], manager: 'test' };
  const made = create(KINDS.must('Instance'), document, new Mirror(KINDS), context) as Instance;
  return { ...made, status: { privateIp: '10.1.0.9', vpcUid: 'v' }, ...over };
}

const DIGEST = digestBy(macWith(Buffer.from('test')));

/** What it is given while no document is there. */
export const configOf = (i: Instance, view: View = new Mirror(KINDS)): ResolvedConfig =>
  resolveConfig(i.spec, ownFields(i), { view, digest: DIGEST });

/** The container that was made exactly for this instance and runs. */
export function containerOf(i: Instance, over: object = {}, view?: View): Container {
  const spec = containerSpecOf(i, NETWORK, '10.1.0.9', 'test', configOf(i, view));
  const made: Container = {
    id: 'c1',
    name: spec.name,
    owner: spec.owner,
    specHash: spec.specHash,
    state: i.spec.powerState === 'Stopped' ? 'exited' : 'running',
    startedAt: new Date('2026-01-01T00:00:00Z'),
    oomKilled: false,
    restarts: 0,
    imageId: 'sha256:1',
    ...limitsOf(spec),
    restart: spec.restart ?? 'no',
    attachments: [{ networkId: NETWORK.id, address: '10.1.0.9', aliases: ['web'] }],
    ports: [],
    ...definedOnly({ configDigests: orNothing(spec.configDigests), defaults: spec.defaults }),
  };
  return { ...made, ...over };
}

export const observed = (
  containers: InstanceObserved['containers'],
  over: Partial<InstanceObserved> = {},
): InstanceObserved => ({
  vpc: { is: 'ready', uid: 'v', network: NETWORK },
  networks: [],
  containers,
  image: { state: 'present', id: 'sha256:1' },
  pulled: false,
  installation: 'test',
  sharedName: undefined,
  balancers: [],
  drainingMs: 0,
  config: { missing: [], items: {}, env: {}, files: [] },
  ...over,
});
