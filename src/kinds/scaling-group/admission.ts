import type { Cause } from '../../base/errors.ts';
import { invalid } from '../../api/field-errors.ts';
import { sameJson } from '../../base/hash.ts';
import { countOf, durationMs } from '../../base/quantity.ts';
import type { Instance, InstanceSpec } from '../instance/types.ts';
import { checkHostAccess, checkInstance, checkPublishing, policyProblems, withInit } from '../instance/public.ts';
import { formatPath } from '../../admission/path.ts';
import { own } from '../../base/own.ts';
import { GROUP, RESTARTED_AT } from '../../api/metadata.ts';
import { parsePorts } from '../shared/port-mapping.ts';
import type { ScalingGroup, Template } from './types.ts';
import { allowedCounts, checkPolicies, checkSchedules } from './policies-admission.ts';
import type { Admission, AdmissionSettings, Policy, View } from '../../api/kind.ts';
import type { Vpc } from '../vpc/types.ts';

/** An instance as the group would make it, for the rules of instances. */
const sample = ({ metadata, spec }: ScalingGroup): Instance => ({
  apiVersion: `${GROUP}/v1`,
  kind: 'Instance',
  metadata: { ...metadata, name: `${metadata.name}-0` },
  spec: { ...spec.template.spec, vpc: spec.vpc } as InstanceSpec,
});

const ofTemplate = (causes: readonly Cause[]): Cause[] =>
  causes.map((cause) => ({
    ...cause,
    field: cause.field?.replace(/^spec\./, 'spec.template.spec.') ?? 'spec.template',
  }));

/** The template's defaults are an instance's. */
export function completeGroup(spec: ScalingGroup['spec'], old?: ScalingGroup['spec']): ScalingGroup['spec'] {
  const template = withInit(spec.template.spec, old?.template.spec);
  return template === spec.template.spec ? spec : { ...spec, template: { ...spec.template, spec: template } };
}

export const violationsOf = (group: ScalingGroup, policy: Policy): Cause[] =>
  ofTemplate(policyProblems(sample(group).spec, policy));

/** What holds of one group by itself. */
export function checkScalingGroup(group: ScalingGroup, old?: ScalingGroup): Cause[] {
  return [
    ...checkBounds(group),
    ...checkPin(group, old),
    ...checkStrategy(group),
    ...checkPolicies(group),
    ...checkSchedules(group),
    ...checkTemplate(group),
    ...ofTemplate(checkInstance(sample(group))),
  ];
}

function checkBounds({ spec }: ScalingGroup): Cause[] {
  const { minInstances, maxInstances } = spec;
  return minInstances > maxInstances
    ? [invalid('minInstances', `${minInstances} is more than maxInstances, which is ${maxInstances}`)]
    : [];
}

/** One that stands from before gives way to what others set: it is clamped, as every count. */
function checkPin({ spec }: ScalingGroup, old: ScalingGroup | undefined): Cause[] {
  const { pin } = spec;
  const [min, max] = allowedCounts(spec);
  if (!pin || sameJson(pin, old?.spec.pin)) return [];
  if (!Number.isFinite(Date.parse(pin.until)))
    return [invalid('pin.until', `"${pin.until}" is not a time that exists`)];
  return pin.desiredCount < min || pin.desiredCount > max
    ? [invalid('pin.desiredCount', outside(pin.desiredCount, spec))]
    : [];
}

function outside(count: number, spec: ScalingGroup['spec']): string {
  const [min, max] = allowedCounts(spec);
  const whose = spec.schedules.length > 0 ? ' and those of its schedules' : '';
  return `${count} is outside ${min} to ${max}, the group's minInstances and maxInstances${whose}; take a number between them, or change these`;
}

function checkStrategy({ spec }: ScalingGroup): Cause[] {
  const { strategy } = spec;
  const wrong = (['maxUnavailable', 'maxSurge'] as const).filter((field) => !isCountOrPercent(strategy[field]));
  if (wrong.length > 0)
    return wrong.map((field) => invalid(`strategy.${field}`, 'expected a number from 0, or a percentage such as 25%'));
  const nothingMoves =
    strategy.type === 'RollingUpdate' && isNothing(strategy.maxUnavailable) && isNothing(strategy.maxSurge);
  const causes = nothingMoves
    ? [invalid('strategy', 'maxUnavailable and maxSurge are both 0: no instance could ever be replaced; raise one')]
    : [];
  return durationMs(strategy.progressDeadline) < 1
    ? [...causes, invalid('strategy.progressDeadline', 'must be longer than 0')]
    : causes;
}

const isCountOrPercent = (value: unknown): boolean =>
  typeof value === 'number' ? Number.isInteger(value) && value >= 0 : /^(\d|[1-9]\d|100)%$/.test(String(value));
const isNothing = (value: number | string): boolean => Number.parseInt(String(value), 10) === 0;

/** What only one instance can have, a group of more cannot give to each. */
function checkTemplate({ spec }: ScalingGroup): Cause[] {
  const { strategy, template } = spec;
  const [, maxInstances] = allowedCounts(spec);
  if (!isCountOrPercent(strategy.maxSurge)) return [];
  const surge = strategy.type === 'Recreate' ? 0 : countOf(strategy.maxSurge, maxInstances, Math.ceil);
  const most = maxInstances + surge;
  const causes: Cause[] = [];
  const why = `up to ${most} instances (maxInstances${surge ? ' and maxSurge' : ''}) would share it`;
  if (most > 1 && template.spec.privateIp !== undefined)
    causes.push(invalid('template.spec.privateIp', `one address cannot be given to all: ${why}; leave it out`));
  (template.spec.networks ?? []).forEach(({ privateIp }, at) => {
    if (most > 1 && privateIp !== undefined)
      causes.push(
        invalid(`template.spec.networks[${at}].privateIp`, `one address cannot be given to all: ${why}; leave it out`),
      );
  });
  template.spec.ports.forEach((text, at) => {
    const port = parsePorts(text)?.find(({ hostPort }) => hostPort !== 0);
    if (most > 1 && port)
      causes.push(
        invalid(
          `template.spec.ports[${at}]`,
          `host port ${port.hostPort} cannot be published by all: ${why}; leave the host port out, or let a LoadBalancer have it`,
        ),
      );
  });
  if (template.spec.powerState !== 'Running')
    causes.push(invalid('template.spec.powerState', 'instances of a group run; scale it to 0 to stop them'));
  if (template.spec.healthCheck?.restartOnUnhealthy)
    causes.push(
      invalid(
        'template.spec.healthCheck.restartOnUnhealthy',
        'a group replaces an unhealthy instance, it does not restart it; leave it out',
      ),
    );
  return [...causes, ...checkTemplateMetadata(template)];
}

function checkTemplateMetadata({ labels = {}, metadata = {} }: Template): Cause[] {
  const ours = (given: Record<string, string> | undefined, field: string) =>
    Object.keys(given ?? {})
      .filter((key) => key.startsWith(`${GROUP}/`) && !(key === RESTARTED_AT && field.endsWith('annotations')))
      .map((key) =>
        invalid(formatPath([...field.split('.'), key]), `what begins with ${GROUP}/ is the group's own to set`),
      );
  const twice = Object.entries(metadata.labels ?? {}).filter(([key, value]) => (own(labels, key) ?? value) !== value);
  return [
    ...ours(labels, 'template.labels'),
    ...ours(metadata.labels, 'template.metadata.labels'),
    ...ours(metadata.annotations, 'template.metadata.annotations'),
    ...twice.map(([key, value]) =>
      invalid(
        formatPath(['template', 'metadata', 'labels', key]),
        `is "${value}" here and "${String(own(labels, key))}" in template.labels`,
      ),
    ),
  ];
}

/** Whose a count is that had to follow a changed minimum or maximum. */
const BY_BOUNDS = { manager: 'bounds', fields: { 'f:spec': { 'f:desiredCount': {} } } };

/** `applied` is what a server-side apply said itself: a count in it is meant, one that is kept may be clamped. */
export function admitScalingGroup(
  next: ScalingGroup,
  old: ScalingGroup | undefined,
  view: View,
  settings: AdmissionSettings,
  applied?: Readonly<Record<string, unknown>>,
): Admission<ScalingGroup> {
  const { minInstances, desiredCount } = next.spec;
  const [min, max] = allowedCounts(next.spec);
  const said = (applied?.['spec'] as Partial<ScalingGroup['spec']> | undefined)?.desiredCount;
  const isKept = desiredCount === undefined || (desiredCount === old?.spec.desiredCount && said === undefined);
  const wanted = desiredCount ?? old?.spec.desiredCount ?? minInstances;
  const count = isKept ? Math.min(Math.max(wanted, min), max) : wanted;
  const causes = count < min || count > max ? [invalid('desiredCount', outside(count, next.spec))] : [];
  if (old && old.spec.vpc !== next.spec.vpc)
    causes.push(
      invalid('vpc', `a group cannot move from VPC ${old.spec.vpc} to ${next.spec.vpc}; make another group there`),
    );
  const instance = sample(next);
  const vpc = view.get({ kind: 'VPC', namespace: next.metadata.namespace, name: next.spec.vpc }) as Vpc | undefined;
  const template = [...checkHostAccess(instance, settings), ...(vpc ? checkPublishing(instance, vpc) : [])];
  return {
    resource: { ...next, spec: { ...next.spec, desiredCount: count } },
    causes: [...causes, ...ofTemplate(template)],
    ...(old && isKept && count !== wanted ? { takenOver: BY_BOUNDS } : {}),
  };
}
