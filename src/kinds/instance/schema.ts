import { SIZE_PATTERN } from '../../base/quantity.ts';
import type { JsonSchema } from '../../api/kind.ts';
import { NOT_HERE } from './not-here.ts';
import { duration, strings } from '../shared/schemas.ts';
import { configStatus, env, envFrom, files } from './config-schema.ts';
import { healthCheck } from './health-schema.ts';
import { devices, driverOptions, gpus } from './host-access-schema.ts';
import { LOG_DRIVERS } from './log-drivers.ts';
import { containerProperties } from './container-schema.ts';
import { networks, networksStatus } from './network-schema.ts';

const volumes: JsonSchema = {
  type: 'array',
  'x-also-known-as': ['volumeMounts', 'mounts', 'binds'],
  default: [],
  maxItems: 32,
  description: 'Mounted volumes. Named volumes outlive the instance.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['mountPath'],
    properties: {
      name: {
        type: 'string',
        pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
        'x-expected': 'a DNS label such as data-1',
        'x-also-known-as': ['source', 'volume'],
        description: 'A named volume of the namespace; made when it is not there.',
      },
      hostPath: {
        type: 'string',
        pattern: '^/',
        maxLength: 4096,
        'x-expected': 'an absolute path',
        'x-also-known-as': ['source', 'bind'],
        description: 'A folder of the host that serve --allow-host-path permits.',
      },
      mountPath: {
        type: 'string',
        pattern: '^/',
        maxLength: 4096,
        'x-expected': 'an absolute path',
        'x-also-known-as': ['target', 'destination', 'containerPath', 'path'],
        description: 'Where the instance sees it.',
      },
      subPath: {
        type: 'string',
        minLength: 1,
        maxLength: 1024,
        'x-expected': 'a path in the volume, such as data/db',
        'x-also-known-as': ['subpath', 'volumeSubpath'],
        description:
          'A folder of the named volume, mounted in place of all of it. It must be there. Needs Docker Engine 26 or later.',
      },
      readOnly: {
        type: 'boolean',
        default: false,
        'x-also-known-as': ['ro', 'read_only'],
        description: 'Whether writes are refused.',
      },
      driverOptions,
    },
  },
};

export const instanceSpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  'x-not-here': NOT_HERE,
  required: ['image'],
  properties: {
    image: {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      'x-also-known-as': ['imageId', 'imageUri', 'containerImage', 'ami', 'amiId'],
      pattern: '^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$',
      'x-expected': 'an image reference such as nginx:1.27',
      description: 'The image. A change recreates the container.',
    },
    imagePullPolicy: {
      type: 'string',
      enum: ['IfNotPresent', 'Always', 'Never'],
      default: 'IfNotPresent',
      'x-also-known-as': ['pullPolicy', 'pull_policy'],
      description: 'When a container is created: whether its image is pulled first.',
    },
    command: { ...strings("Replaces the image's entrypoint.", 256), 'x-also-known-as': ['entrypoint', 'cmd'] },
    args: { ...strings("Replaces the image's command.", 1024), 'x-also-known-as': ['cmd', 'arguments'] },
    env,
    envFrom,
    files,
    ports: {
      type: 'array',
      default: [],
      maxItems: 64,
      uniqueItems: true,
      items: { type: 'string', maxLength: 80 },
      'x-also-known-as': ['publish', 'portMappings', 'expose'],
      description:
        'Published ports: [address:][hostPort:]port[/protocol], or a range on both sides, 7000-7003:7000-7003. Host port 0, or none, takes a free one, which status reports.',
    },
    vpc: {
      type: 'string',
      default: 'default',
      minLength: 1,
      maxLength: 63,
      'x-also-known-as': ['network', 'vpcId', 'vpcName', 'subnet', 'subnetId'],
      description: 'The VPC of the same namespace. Immutable. "default" is made when it is needed.',
    },
    privateIp: {
      type: 'string',
      maxLength: 15,
      'x-also-known-as': ['ip', 'ipAddress', 'ipv4_address', 'privateIpAddress'],
      description: "The address in the VPC's range; a free one when left out.",
    },
    networks,
    powerState: {
      type: 'string',
      enum: ['Running', 'Stopped'],
      default: 'Running',
      'x-also-known-as': ['state', 'desiredState', 'running'],
      description: 'Stopped keeps the container, its address and its files. Changed in place.',
    },
    logs: {
      type: 'object',
      additionalProperties: false,
      default: {},
      'x-also-known-as': ['logging', 'log_opt', 'logConfiguration'],
      description: 'Where the output goes, and how much of it is kept.',
      properties: {
        maxSize: {
          type: 'string',
          pattern: SIZE_PATTERN,
          default: '10m',
          'x-expected': 'a size such as 10m or 512Ki',
          description: 'Size of one file before it is rotated (json-file and local).',
        },
        maxFiles: {
          type: 'integer',
          minimum: 1,
          maximum: 100,
          default: 3,
          description: 'Number of files kept (json-file and local).',
        },
        driver: {
          type: 'string',
          enum: LOG_DRIVERS,
          description:
            "Who keeps it; json-file when left out. syslog and journald are those of the Engine's host, and none keeps nothing: miniaws logs has nothing to show then.",
        },
        options: {
          type: 'object',
          maxProperties: 32,
          propertyNames: { maxLength: 64 },
          additionalProperties: { type: 'string', maxLength: 1024 },
          description: 'Options of the driver that change what is written, such as tag.',
        },
      },
    },
    resources: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Limits. Changed in place; taking one away recreates.',
      properties: {
        cpus: {
          type: 'number',
          minimum: 0.01,
          maximum: 1024,
          'x-also-known-as': ['cpu', 'cpus', 'cpu_count', 'nanoCpus', 'limits'],
          description: 'Cores, such as 0.5.',
        },
        memory: {
          type: 'string',
          pattern: SIZE_PATTERN,
          'x-expected': 'a size such as 256Mi or 1g',
          'x-also-known-as': ['mem', 'memory', 'mem_limit', 'memoryLimit', 'limits'],
          description: 'Memory; at least 6Mi, the least that the Engine takes.',
        },
      },
    },
    restartPolicy: {
      type: 'string',
      enum: ['Always', 'OnFailure', 'Never'],
      default: 'Always',
      'x-also-known-as': ['restart', 'restart_policy'],
      description: 'What the Engine does when the process ends. Changed in place.',
    },
    healthCheck,
    volumes,
    user: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      'x-also-known-as': ['runAsUser'],
      description: "user[:group], by name or number; the image's when left out.",
    },
    workingDir: {
      type: 'string',
      pattern: '^/',
      maxLength: 4096,
      'x-expected': 'an absolute path',
      'x-also-known-as': ['cwd', 'workdir'],
      description: "The process's folder; the image's when left out.",
    },
    stopGracePeriod: {
      ...duration('How long the process has to end after SIGTERM before it is killed; at most 1h.', '10s'),
      'x-also-known-as': ['terminationGracePeriodSeconds', 'stopTimeout'],
    },
    labels: {
      type: 'object',
      maxProperties: 64,
      propertyNames: { maxLength: 317 },
      additionalProperties: { type: 'string', maxLength: 4096 },
      description: 'More labels of the container. Those of miniaws.dev/ are not yours to set.',
    },
    ...containerProperties,
    devices,
    gpus,
  },
};

const publishedPort: JsonSchema = {
  type: 'object',
  required: ['hostAddress', 'hostPort', 'containerPort', 'protocol'],
  properties: {
    hostAddress: { type: 'string', description: "The host's address; empty: every one." },
    hostPort: { type: 'integer', description: "The host's port." },
    containerPort: { type: 'integer', description: 'The port inside the instance.' },
    protocol: { type: 'string', enum: ['tcp', 'udp'], description: 'tcp or udp.' },
  },
};

export const instanceStatusSchema: JsonSchema = {
  type: 'object',
  properties: {
    phase: {
      type: 'string',
      description: 'Pending, Starting, Running, Stopped, Succeeded, Failed, CrashLoopBackOff or Terminating.',
    },
    containerId: { type: 'string', description: "The Engine's id of the container." },
    containerName: { type: 'string', description: "The container's name." },
    privateIp: { type: 'string', description: 'Address in the VPC; kept for the life of the instance.' },
    vpcUid: { type: 'string', description: 'The VPC that the address belongs to.' },
    networks: networksStatus,
    ports: { type: 'array', items: publishedPort, description: 'Published ports as they are now.' },
    imageId: { type: 'string', description: 'Id of the image that its container runs.' },
    startedAt: { type: 'string', description: 'When the process was started.' },
    restarts: { type: 'integer', description: "The Engine's restarts of this container's process." },
    lastExitCode: { type: 'integer', description: 'Exit code of the last end of the process.' },
    lastLog: { type: 'array', items: { type: 'string' }, description: 'The last lines of a crashing process.' },
    health: { type: 'string', description: 'Starting, Healthy or Unhealthy, by the health check.' },
    healthFailure: {
      type: 'object',
      description: 'While it is Unhealthy: what its check answered (output), and when that was first seen (at).',
      properties: {
        at: { type: 'string', description: 'When the answer was first seen.' },
        output: { type: 'string', description: 'What the check answered.' },
      },
    },
    healthRestarts: {
      type: 'object',
      description: 'Restarts for a failing check, in a row.',
      properties: {
        count: { type: 'integer', description: 'How many; one that ran for 10 minutes begins anew.' },
        at: { type: 'string', description: 'When the last one was asked for.' },
        of: { type: 'string', description: 'When the process was started that was ended by it.' },
      },
    },
    recreateWouldChange: {
      type: 'array',
      items: { type: 'string' },
      description: 'Of a container that an earlier release made: what one that is made now would have otherwise.',
    },
    draining: {
      type: 'string',
      description: 'Since when its load balancers are asked to let go of it before it stops.',
    },
    config: configStatus,
    restartedAt: { type: 'string', description: 'The restart request that was carried out last.' },
  },
};
