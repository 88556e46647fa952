import { refOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import type { HostAccess } from '../../base/host-access.ts';
import type { Compute } from '../../drivers/compute.ts';
import type { Controller } from '../../engine/contract.ts';
import { planVpc } from './plan.ts';
import type { VpcObserved, VpcStep } from './plan.ts';
import { reportVpc } from './report.ts';
import type { Vpc } from './types.ts';

/**
 * Keeps one Docker network for each VPC. Its name comes from the document's uid and creation finds before it makes, so
 * a repeated step finds what the first one made. It goes after the last document that names the VPC.
 * Before the first, a rule in the firewall of the Engine's host keeps all of them from the metadata service of a cloud.
 */
export const vpcController = (
  compute: Compute,
  { metadata: allowsMetadata }: Pick<HostAccess, 'metadata'>,
): Controller<Vpc, VpcObserved, VpcStep> => ({
  kind: 'VPC',
  needsEngine: true,
  watches: [{ enqueue: vpcsBeingDeleted }],
  async observe(vpc, pass) {
    const { namespace, name, uid } = vpc.metadata;
    const users = pass.view.lookupAll('vpc', `${namespace}/${name}`);
    const networks = compute.networks(uid);
    const isKept = vpc.metadata.deletionTimestamp === undefined && networks.state !== 'unobservable';
    if (isKept && !pass.planning) await compute.lookAtMetadataAccess();
    return {
      networks,
      metadata: compute.metadataAccess(),
      allowsMetadata,
      hostRanges: compute.hostRanges(),
      users: users.map((r) => `${r.kind} ${r.metadata.namespace}/${r.metadata.name}`).sort(),
    };
  },
  plan: planVpc,
  async act(step) {
    switch (step.do) {
      case 'createNetwork':
        await compute.createNetwork(step.spec);
        return;
      case 'removeNetwork':
        return compute.removeNetwork(step.id);
      case 'setMetadataAccess':
        return step.access === 'closed' ? compute.closeMetadataAccess() : compute.openMetadataAccess();
    }
  },
  report: reportVpc,
  print(step) {
    switch (step.do) {
      case 'createNetwork':
        return `create network ${step.spec.name} ${step.spec.cidrBlock}${step.spec.internal ? ' (internal)' : ''}`;
      case 'removeNetwork':
        return `remove network ${step.name}`;
      case 'setMetadataAccess':
        return `${step.access === 'closed' ? 'close' : 'open'} the metadata service of the host's cloud to instances`;
    }
  },
});

/**
 * Only a VPC that waits to go cares for what is in it. Which one something has just left, it does not say any more: so
 * every such VPC of the namespace looks.
 */
const vpcsBeingDeleted = ({ kind, metadata }: Resource, view: View): Ref[] =>
  kind === 'VPC' ? [] : view.lookup('VPC', 'deleting', metadata.namespace).map(refOf);
