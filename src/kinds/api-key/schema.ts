import { ALL, IMPERSONATE, VERBS } from '../../api/access.ts';
import type { JsonSchema } from '../../api/kind.ts';
import { ROLES } from '../../api/roles.ts';

const words = (description: string, most: number, items: JsonSchema): JsonSchema => ({
  type: 'array',
  minItems: 1,
  maxItems: most,
  items,
  description,
});
const namespace: JsonSchema = {
  type: 'string',
  pattern: '^(\\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$',
  'x-expected': 'the name of a namespace, or *',
};

const rule: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['verbs', 'resources'],
  properties: {
    verbs: {
      ...words(
        'What may be done: get, list, watch, create, update, patch, delete, deletecollection, impersonate (users: making keys for them), or *.',
        16,
        {
          type: 'string',
          enum: [...VERBS, IMPERSONATE, ALL],
        },
      ),
    },
    resources: {
      ...words(
        'Plurals of kinds, such as instances; with a subresource, such as instances/exec or instances/*; or *, which is everything, secrets too.',
        64,
        {
          type: 'string',
          maxLength: 128,
          pattern: '^(\\*|[a-z]+)(/(\\*|[a-z]+))?$',
          'x-expected': 'a plural such as instances, instances/exec, or *',
        },
      ),
      'x-also-known-as': ['kinds', 'resource'],
    },
    namespaces: {
      ...words('Where; in every namespace, and what is in none, when left out.', 64, namespace),
      'x-also-known-as': ['namespace'],
    },
    resourceNames: {
      ...words(
        'Names of objects; of any name when left out. Of buckets/objects also a folder: photos/2024/*. Nothing is made by name.',
        64,
        {
          type: 'string',
          minLength: 1,
          maxLength: 1_100,
        },
      ),
      'x-also-known-as': ['names'],
    },
  },
};

export const apiKeySpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    userId: {
      type: 'string',
      minLength: 1,
      maxLength: 253,
      pattern: '^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$',
      'x-expected': 'a name of printable characters, such as anna or ci@example.com',
      'x-also-known-as': ['user', 'username'],
      description:
        'The person or machine that it stands for, in the log and on record. The name of the key when left out.',
    },
    role: {
      type: 'string',
      enum: [...ROLES],
      description:
        'view reads all but secrets and keys; edit also writes what is in namespaces, reads secrets and runs commands in instances; admin may do everything.',
    },
    namespaces: {
      ...words('Where the role holds; everywhere when left out.', 64, namespace),
      'x-also-known-as': ['namespace'],
    },
    rules: {
      ...words('What it may do beside its role, as in the rules of RBAC.', 64, rule),
      'x-kubernetes-list-type': 'atomic',
    },
    expiresAt: {
      type: 'string',
      maxLength: 40,
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$',
      'x-expected': 'a time such as 2030-01-01T00:00:00Z',
      description: 'From then on it lets nobody in. A week later it is deleted.',
    },
    allowedFrom: words('Addresses and ranges that it may be used from; from anywhere when left out.', 64, {
      type: 'string',
      maxLength: 64,
    }),
  },
};

export const apiKeyStatusSchema: JsonSchema = {
  type: 'object',
  properties: {
    token: {
      type: 'string',
      'x-sensitive': true,
      description: 'The token itself: answered to who makes the key, this once, and kept nowhere.',
    },
    tokens: {
      type: 'array',
      description: 'Tokens that were given out and work.',
      items: {
        type: 'object',
        properties: {
          sha256: { type: 'string', description: 'SHA-256 of the token, hexadecimal.' },
          issuedAt: { type: 'string', description: 'When it was given out.' },
          expiresAt: { type: 'string', description: 'When it stops working, after a rotation.' },
        },
      },
    },
    lastUsed: { type: 'string', description: 'When it was last used, to the minute. Answered when one key is read.' },
  },
};
