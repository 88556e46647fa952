import type { JsonSchema } from '../../api/kind.ts';

/** Fields by which an instance reaches what is the host's. The daemon's settings allow them. */

const device: JsonSchema = {
  type: 'string',
  pattern: '^/',
  maxLength: 4096,
  'x-expected': 'an absolute path such as /dev/dri',
};

export const devices: JsonSchema = {
  type: 'array',
  maxItems: 32,
  description: 'Devices of the host that serve --allow-device permits.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['hostPath'],
    properties: {
      hostPath: { ...device, description: 'The device, or a folder of devices.' },
      path: { ...device, description: 'Where the instance sees it; the same path when left out.' },
      permissions: {
        type: 'string',
        enum: ['r', 'w', 'm', 'rw', 'rm', 'wm', 'rwm'],
        description: 'Read, write, and make with mknod, which also needs the capability MKNOD; rwm when left out.',
      },
    },
  },
};

export const gpus: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description: "The host's GPUs, where serve --allow-gpus permits. Exactly one of count and ids.",
  properties: {
    count: { type: 'integer', minimum: -1, maximum: 64, description: 'How many, whichever; -1: all.' },
    ids: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      items: { type: 'string', minLength: 1, maxLength: 64 },
      description: "Which, by the driver's numbers or ids.",
    },
    capabilities: {
      type: 'array',
      maxItems: 16,
      uniqueItems: true,
      items: { type: 'string', enum: ['compute', 'compat32', 'graphics', 'utility', 'video', 'display'] },
      description: 'What of the driver it gets beside the GPU itself.',
    },
  },
};

export const driverOptions: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  description: 'Of a named volume: what it is made of, when it is made. Those that there are stay as they are.',
  properties: {
    type: {
      type: 'string',
      enum: ['tmpfs', 'nfs', 'nfs4'],
      description: 'In memory, or on an NFS server that serve --allow-nfs-server permits.',
    },
    device: {
      type: 'string',
      pattern: '^:/',
      maxLength: 1024,
      'x-expected': 'the path on the server after a colon, such as :/export',
      description: 'Of NFS: the path on the server, after a colon.',
    },
    o: {
      type: 'string',
      maxLength: 512,
      pattern: '^[A-Za-z0-9_=.:%,-]*$',
      'x-expected': 'options of mount such as addr=10.0.0.5,rw',
      description: 'Options of mount; of NFS with addr=.',
    },
  },
};
