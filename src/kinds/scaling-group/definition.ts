import { API_VERSION, findCondition } from '../../api/metadata.ts';
import { sizeOf, sourcesOf, withSize } from '../instance/public.ts';
import { selectorOf } from './types.ts';
import type { ScalingGroup } from './types.ts';
import { admitScalingGroup, checkScalingGroup, completeGroup, violationsOf } from './admission.ts';
import { scalingGroupSpecSchema, scalingGroupStatusSchema } from './schema.ts';
import type { KindDefinition } from '../../api/kind.ts';

/** Those of its template, and of what it may be rolled back to. */
const imagesOf = ({ spec, status }: ScalingGroup): string[] => {
  const kept = (status?.revisions ?? []).flatMap(({ template, imageId }) =>
    [template.spec.image, imageId ?? []].flat(),
  );
  return [...new Set([spec.template.spec.image, ...kept])];
};

/** Its own, and those that its instances are in beside it. */
const vpcsOf = ({ spec }: ScalingGroup): string[] => [
  ...new Set([spec.vpc, ...(spec.template.spec.networks ?? []).map(({ vpc }) => vpc)]),
];

const effective = ({ spec, status }: ScalingGroup) => status?.effective ?? spec;
const counts = (group: ScalingGroup): string => `${group.status?.readyCount ?? 0}/${effective(group).desiredCount}`;

export const scalingGroupKind: KindDefinition<ScalingGroup> = {
  kind: 'ScalingGroup',
  apiVersion: API_VERSION,
  scope: 'Namespaced',
  plural: 'scalinggroups',
  singular: 'scalinggroup',
  shortNames: ['sg', 'asg'],
  categories: ['all'],
  description: 'A number of equal instances, kept at that number, replaced when they fail, rolled when they change.',
  // A slot is `-` and up to five digits, and the instance's name is a DNS label of at most 63.
  names: { are: 'label', maxLength: 57 },
  reconciled: true,
  finalizer: true,
  content: { spec: scalingGroupSpecSchema },
  status: scalingGroupStatusSchema,
  columns: [
    { name: 'Image', description: 'The image of the template', cell: (r) => r.spec.template.spec.image },
    { name: 'Ready-Count', description: 'Ready instances of those desired', cell: counts },
    { name: 'Min', description: 'Never fewer, now', cell: (r) => String(effective(r).minInstances) },
    { name: 'Max', description: 'Never more, now', cell: (r) => String(effective(r).maxInstances) },
    {
      name: 'Updated',
      description: 'Instances of the newest template',
      cell: (r) => String(r.status?.updatedCount ?? 0),
    },
    {
      name: 'Ready',
      description: 'Whether all desired instances are available and of the newest template',
      cell: (r) => findCondition(r, 'Ready')?.status ?? 'Unknown',
    },
    { name: 'VPC', description: 'The VPC', wide: true, cell: (r) => r.spec.vpc },
    { name: 'Revision', description: "The template's", wide: true, cell: (r) => String(r.status?.revision ?? 0) },
    {
      name: 'Scaled-By',
      description: 'Who set the count',
      wide: true,
      cell: (r) => r.status?.scaled?.by ?? '<none>',
    },
  ],
  indexes: {
    vpc: (r) => vpcsOf(r).map((vpc) => `${r.metadata.namespace}/${vpc}`),
    ConfigMap: (r) => sourcesOf('ConfigMap', r.metadata.namespace, r.spec.template.spec),
    Secret: (r) => sourcesOf('Secret', r.metadata.namespace, r.spec.template.spec),
    image: imagesOf,
  },
  scale: {
    specField: 'desiredCount',
    replicas: (r) => r.status?.currentCount ?? 0,
    selector: selectorOf,
  },
  size: {
    of: ({ spec }) => sizeOf(spec.template.spec),
    with: (next, size) => {
      const { template } = next.spec;
      return { ...next, spec: { ...next.spec, template: { ...template, spec: withSize(template.spec, size) } } };
    },
  },
  violations: violationsOf,
  complete: (next, old) => ({ ...next, spec: completeGroup(next.spec, old?.spec) }),
  check: checkScalingGroup,
  admit: admitScalingGroup,
};
