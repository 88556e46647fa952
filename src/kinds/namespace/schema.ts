import type { JsonSchema } from '../../api/kind.ts';
import { SIZE_PATTERN } from '../../base/quantity.ts';

const count = (description: string): JsonSchema => ({ type: 'integer', minimum: 0, maximum: 1_000_000, description });
const cores = (description: string): JsonSchema => ({
  type: 'number',
  minimum: 0,
  maximum: 1_000_000,
  'x-also-known-as': ['cpu'],
  description,
});
const bytes = (description: string): JsonSchema => ({
  type: 'string',
  pattern: SIZE_PATTERN,
  'x-expected': 'a size such as 256Mi or 16Gi',
  'x-also-known-as': ['mem'],
  description,
});
const size = (description: string): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  description,
  properties: { cpus: cores('Cores.'), memory: bytes('Memory.') },
});

const amounts: Record<string, JsonSchema> = {
  instances: count('Instances, those of groups counted.'),
  cpus: cores('Cores of all instances that are to run, by their limits.'),
  memory: bytes('Memory of all instances that are to run, by their limits.'),
  hostPorts: count('Ports published on the host.'),
  loadBalancers: count('Load balancers.'),
  buckets: count('Buckets.'),
  bucketBytes: {
    ...bytes('Bytes of all buckets together, by their spec.quotaBytes: each must have one then.'),
    'x-also-known-as': ['storage', 'bucketSize'],
  },
  objects: {
    type: 'object',
    maxProperties: 64,
    propertyNames: { pattern: '^[a-z]{1,63}$', 'x-expected': 'the plural of a kind, such as configmaps' },
    additionalProperties: count('How many.'),
    description: 'Objects of a kind, by its plural, such as configmaps.',
  },
};

export const namespaceSpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    quota: {
      type: 'object',
      additionalProperties: false,
      description: 'The most that all objects of the namespace may take together. What is left out has no limit.',
      properties: amounts,
    },
    instanceResources: {
      type: 'object',
      additionalProperties: false,
      description: 'What a single instance has and may have.',
      properties: {
        default: size('Limits of an instance that is made without.'),
        max: size('The largest limits; one without is refused.'),
      },
    },
    policy: {
      type: 'object',
      additionalProperties: false,
      description: 'What instances of the namespace may ask for. What runs already is left alone.',
      properties: {
        level: {
          type: 'string',
          enum: ['privileged', 'baseline', 'restricted'],
          default: 'privileged',
          description:
            "Kubernetes' Pod Security Standards: all that is allowed here at all; nothing of the host's; or least rights, without root.",
        },
        registries: {
          type: 'array',
          maxItems: 64,
          items: { type: 'string', minLength: 1, maxLength: 255 },
          description:
            'Where images may come from: hosts, such as registry.example, or parts of them, such as docker.io/library. Any when left out.',
        },
        hostPorts: {
          type: 'array',
          maxItems: 256,
          items: { type: 'integer', minimum: 1, maximum: 65535 },
          description:
            'Fixed ports of the host that may be published. Left out: any at privileged, none at the other levels.',
        },
        hostPaths: {
          type: 'array',
          maxItems: 64,
          items: { type: 'string', maxLength: 1024, pattern: '^/', 'x-expected': 'an absolute path' },
          description:
            'Folders of the host that may be mounted, with what is in them. Left out: any at privileged, none at the other levels.',
        },
        allowLatest: {
          type: 'boolean',
          default: true,
          description: 'Whether an image may be named by the tag latest, or by none.',
        },
      },
    },
    finalizers: {
      type: 'array',
      maxItems: 16,
      items: { type: 'string', maxLength: 253 },
      description: 'As Kubernetes has it; of no meaning here.',
    },
  },
};

export const namespaceStatusSchema: JsonSchema = {
  type: 'object',
  properties: {
    phase: { type: 'string', description: 'Active or Terminating.' },
    quota: {
      type: 'object',
      description: 'Of what is limited, the limit and what is taken. Answered when one namespace is read.',
      properties: {
        hard: { type: 'object', properties: amounts, description: 'The limits.' },
        used: { type: 'object', properties: amounts, description: 'What is taken.' },
      },
    },
  },
};
