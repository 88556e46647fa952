import { namespacedName, refOf } from '../../api/metadata.ts';
import type { Digest } from '../../base/hash.ts';
import { groupConfig } from './config.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { Instance } from '../instance/types.ts';
import { loadBalancersSelecting } from '../load-balancer/types.ts';
import type { LoadBalancer } from '../load-balancer/types.ts';
import { isScalingGroup } from './types.ts';
import type { ScalingGroup } from './types.ts';
import type { View } from '../../api/kind.ts';
import { shortImageId } from '../../base/image-reference.ts';
import { isVpc } from '../vpc/types.ts';
import type { Controller, Pass } from '../../engine/contract.ts';
import type { Autoscaler } from './autoscaler.ts';
import type { Scaling } from './recommendation.ts';
import { actOnCount, printCountStep } from './count.ts';
import { observeMembers } from './members.ts';
import type { GroupObserved, TargetHealth } from './members.ts';
import { recorded, ROLLBACK, templateOf, withImage } from './revisions.ts';
import { instanceOf, planScalingGroup } from './plan.ts';
import type { ScalingGroupStep } from './plan.ts';
import { reportScalingGroup } from './report.ts';

/**
 * Keeps a number of equal Instances for each ScalingGroup. It works on documents alone: an instance's name is its slot's,
 * creation leaves what is there, deletion names the document's uid, and so every step may be repeated after a crash.
 * What exists, and what is well, is read from the instances' own status.
 */
export const scalingGroupController = (
  autoscaler: Autoscaler,
  digest: Digest,
): Controller<ScalingGroup, GroupObserved, ScalingGroupStep> => ({
  kind: 'ScalingGroup',
  needsEngine: false,
  watches: [
    { kind: 'Instance', enqueue: owningGroup },
    { kind: 'ConfigMap', enqueue: usersOf },
    { kind: 'Secret', enqueue: usersOf },
    { kind: 'VPC', enqueue: ({ metadata }, view) => groupsIn(metadata.namespace, metadata.name, view) },
    {
      kind: 'LoadBalancer',
      enqueue: ({ metadata, spec }, view) => groupsIn(metadata.namespace, (spec as LoadBalancer['spec']).vpc, view),
    },
  ],

  async observe(group, pass) {
    const members = observeMembers(group, pass.view);
    return {
      ...members,
      targets: targetsOf(members.instances, pass.view),
      scaling: followed(group, pass, autoscaler),
      vpcRow: vpcRow(group, pass.view),
      config: groupConfig(group, pass.view, digest),
    };
  },

  plan: planScalingGroup,
  act: (step, group, pass) => act(step, group, pass, digest),
  report: reportScalingGroup,
  print,
  forget: (uid) => autoscaler.forget(uid),
});

/** Only who leads looks at the load; a plan for somebody else makes do without. */
function followed(group: ScalingGroup, pass: Pass, autoscaler: Autoscaler): Scaling | undefined {
  if (pass.planning) return undefined;
  const hasPolicies = group.spec.policies.length > 0 && group.metadata.deletionTimestamp === undefined;
  if (hasPolicies) return autoscaler.look(group);
  autoscaler.forget(group.metadata.uid);
  return undefined;
}

/** The group whose instance it is; and the one on whose slot a stranger stands, or stood. */
function owningGroup({ metadata }: Resource, view: View): Ref[] {
  const owner = metadata.ownerReferences?.find((o) => o.controller && o.kind === 'ScalingGroup');
  const name = metadata.name.replace(/-\d+$/, '');
  const group = owner
    ? view.byUid(owner.uid)
    : name === metadata.name
      ? undefined
      : view.get({ kind: 'ScalingGroup', namespace: metadata.namespace, name });
  return group && isScalingGroup(group) ? [refOf(group)] : [];
}

/** Those whose instances take contents from it. */
const usersOf = (source: Resource, view: View): Ref[] =>
  view.lookup('ScalingGroup', source.kind, namespacedName(refOf(source))).map(refOf);

const groupsIn = (namespace: string, vpc: string, view: View): Ref[] =>
  view.lookup('ScalingGroup', 'vpc', `${namespace}/${vpc}`).map(refOf);

/** What the load balancers that want an instance say of it: the worst counts. Those that nobody wants are not in it. */
function targetsOf(instances: readonly Instance[], view: View): Map<string, TargetHealth> {
  const told = instances.flatMap((instance): [string, TargetHealth][] => {
    const { uid } = instance.metadata;
    const said = loadBalancersSelecting(instance, view).flatMap((lb) => {
      const states = (lb.status?.targets ?? []).filter((t) => t.uid === uid).map((t) => t.state);
      return states.length === 0 ? ['Initial' as const] : states;
    });
    if (said.length === 0) return [];
    const worst = said.includes('Unhealthy') ? 'Unhealthy' : said.every((s) => s === 'Healthy') ? 'Healthy' : 'Pending';
    return [[uid, worst]];
  });
  return new Map(told);
}

/** A VPC has a row once its network was made, and for as long as its document lives. */
function vpcRow({ metadata, spec }: ScalingGroup, view: View): string | undefined {
  const vpc = view.get({ kind: 'VPC', namespace: metadata.namespace, name: spec.vpc });
  return vpc && isVpc(vpc) && vpc.status?.networkId !== undefined ? vpc.metadata.uid : undefined;
}

function act(step: ScalingGroupStep, group: ScalingGroup, pass: Pass, digest: Digest): Promise<void> {
  const configOf = (latest: Resource, view: View) => groupConfig(latest as ScalingGroup, view, digest);
  switch (step.do) {
    case 'createInstance':
      return pass.create(instanceOf(group, configOf(group, pass.view), step.name, step.failedReplacements));
    case 'deleteInstance':
      return pass.remove(step.ref, step.uid);
    case 'recordRevision':
      return pass.claim((latest, view) => ({
        revisions: recorded(latest as ScalingGroup, configOf(latest, view), pass.now()),
      }));
    case 'recordImage':
      return pass.claim((latest, view) => ({
        revisions: withImage(latest as ScalingGroup, configOf(latest, view), step.imageId),
      }));
    case 'rollBack':
      return pass.amend(ROLLBACK, ({ spec }) => ({ spec: { ...spec, template: templateOf(step.to) } }));
    default:
      return actOnCount(step, pass);
  }
}

function print(step: ScalingGroupStep): string {
  switch (step.do) {
    case 'createInstance':
      return `create Instance ${step.name}`;
    case 'deleteInstance':
      return `delete Instance ${step.ref.name}`;
    case 'recordRevision':
      return 'record the template as a revision';
    case 'recordImage':
      return `record image ${shortImageId(step.imageId)} as the revision's`;
    case 'rollBack':
      return `go back to revision ${step.to.revision}`;
    default:
      return printCountStep(step);
  }
}
