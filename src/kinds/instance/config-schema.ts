import type { JsonSchema } from '../../api/kind.ts';

/** The fields by which an instance is given variables and files. */

const name = (what: string): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength: 253,
  description: `The ${what}, of the same namespace.`,
});

const configMap: JsonSchema = { ...name('ConfigMap'), 'x-also-known-as': ['configMapRef', 'configMapName'] };
const secret: JsonSchema = { ...name('Secret'), 'x-also-known-as': ['secretRef', 'secretName'] };

const key: JsonSchema = {
  type: 'string',
  maxLength: 253,
  pattern: '^[-._a-zA-Z0-9]+$',
  'x-expected': 'a key of letters, digits, "-", "_" and "."',
  description: 'The key in it.',
};

const optional: JsonSchema = {
  type: 'boolean',
  description: 'Whether it may be missing: it is left out then. Else a missing one is waited for.',
};

const variableOnChange: JsonSchema = {
  type: 'string',
  enum: ['Recreate', 'Restart', 'Update', 'Ignore'],
  description:
    'What follows a change of the content: Recreate (when left out), or Ignore. A process gets its variables when its container is made; so the others are refused.',
};

const SIGNALS = ['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'WINCH'];

const fileOnChange: JsonSchema = {
  anyOf: [
    { type: 'string', enum: ['Recreate', 'Restart', 'Update', 'Ignore'] },
    {
      type: 'object',
      additionalProperties: false,
      required: ['signal'],
      'x-expected': 'a word, or {signal: HUP}',
      properties: {
        signal: { type: 'string', enum: SIGNALS, description: 'Sent to the process when the file has been replaced.' },
      },
    },
  ],
  description:
    'What follows a change of the content: Recreate (when left out), Restart, {signal: HUP}, Update (the file alone), Ignore.',
};

const KUBERNETES = {
  configMapKeyRef: 'write configMap: NAME and key: KEY',
  secretKeyRef: 'write secret: NAME and key: KEY',
  fieldRef: "a file with template: true has the instance's own fields",
  resourceFieldRef: 'a limit is in the specification itself',
};

export const env: JsonSchema = {
  type: 'object',
  maxProperties: 1000,
  propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_.-]*$', maxLength: 256 },
  additionalProperties: {
    anyOf: [
      { type: 'string', maxLength: 131_072 },
      {
        type: 'object',
        additionalProperties: false,
        required: ['valueFrom'],
        'x-expected': 'a mapping with valueFrom',
        properties: {
          valueFrom: {
            type: 'object',
            additionalProperties: false,
            required: ['key'],
            'x-not-here': KUBERNETES,
            description: 'Where the value is taken from.',
            properties: { configMap, secret, key, optional, onChange: variableOnChange },
          },
        },
      },
    ],
  },
  'x-sensitive': true,
  'x-also-known-as': ['environment', 'envVars', 'variables'],
  description:
    'Environment variables: text, or {valueFrom: {configMap or secret, key}}. Text is not for secrets: whoever can read the object can read it.',
};

export const envFrom: JsonSchema = {
  type: 'array',
  maxItems: 64,
  'x-also-known-as': ['env_file', 'envFile'],
  description:
    'More variables: every key of a ConfigMap or a Secret. env counts before them, and later ones before earlier ones.',
  items: {
    type: 'object',
    additionalProperties: false,
    properties: {
      configMap,
      secret,
      prefix: {
        type: 'string',
        maxLength: 253,
        pattern: '^[A-Za-z_][A-Za-z0-9_.-]*$',
        'x-expected': 'the beginning of a name of a variable, such as DB_',
        description: 'Put before each key.',
      },
      optional,
      onChange: variableOnChange,
    },
  },
};

export const files: JsonSchema = {
  type: 'array',
  maxItems: 64,
  'x-also-known-as': ['configs', 'secrets'],
  description: 'Files that are written into the container before its first start, and replaced as onChange says.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: {
        type: 'string',
        pattern: '^/[^\\u0000-\\u001f]*$',
        maxLength: 4096,
        'x-expected': 'an absolute path',
        'x-also-known-as': ['target', 'mountPath'],
        description: 'Where the instance sees it; without key, a folder that gets a file for each key.',
      },
      configMap,
      secret,
      key,
      content: {
        type: 'string',
        maxLength: 1_048_576,
        'x-sensitive': true,
        description: 'The content itself, in place of a source.',
      },
      mode: {
        type: 'string',
        pattern: '^0?[0-7]{3}$',
        'x-expected': 'permissions such as "0640", in quotes',
        'x-also-known-as': ['defaultMode'],
        description: 'Its permissions; 0400 when left out where a Secret is in it, else 0444.',
      },
      uid: {
        type: 'integer',
        minimum: 0,
        maximum: 4_294_967_294,
        description: 'Its owner; the user of the instance when left out where that is a number, else 0.',
      },
      gid: { type: 'integer', minimum: 0, maximum: 4_294_967_294, description: 'Its group, in the same way.' },
      template: {
        type: 'boolean',
        description:
          'Whether ${name}, ${namespace}, ${address}, ${slot} and ${env.NAME} in it are filled in. $${ is a literal ${.',
      },
      optional,
      onChange: fileOnChange,
    },
  },
};

export const configStatus: JsonSchema = {
  type: 'object',
  description: 'What was replaced in its container since it was made.',
  properties: {
    containerId: { type: 'string', description: 'Of which container it tells.' },
    digests: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Digests of the contents that it has, by what they are; empty while one is replaced.',
    },
    restart: {
      type: 'object',
      description: 'A restart of the process for a changed file.',
      properties: {
        of: { type: 'string', description: 'When the process was started that is ended by it.' },
        why: { type: 'string', description: 'What changed.' },
      },
    },
  },
};
