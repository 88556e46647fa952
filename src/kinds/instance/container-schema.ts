import type { JsonSchema } from '../../api/kind.ts';
import { SIZE_PATTERN } from '../../base/quantity.ts';
import { CAPABILITIES } from './capabilities.ts';

/** The fields that say how a container's process is run, beside what it runs. */

const size = (description: string): JsonSchema => ({
  type: 'string',
  pattern: SIZE_PATTERN,
  'x-expected': 'a size such as 256Mi or 1g',
  description,
});

const HOST_NAME = '^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*$';

const ulimit = (description: string): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: ['soft'],
  description,
  properties: {
    soft: { type: 'integer', minimum: -1, description: 'What holds at first; -1: unlimited.' },
    hard: {
      type: 'integer',
      minimum: -1,
      description: 'How far the process may raise it; the same as soft when left out.',
    },
  },
});

const ulimits: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description:
    'Limits of each process. nice, rtprio and rttime are not here: they would take processor time from others.',
  properties: {
    core: ulimit('Bytes of a core file.'),
    cpu: ulimit('Seconds of processor time.'),
    data: ulimit('Bytes of data.'),
    fsize: ulimit('Bytes of a file that it writes.'),
    locks: ulimit('File locks.'),
    memlock: ulimit('Bytes of memory that it may lock.'),
    msgqueue: ulimit('Bytes in message queues.'),
    nofile: ulimit('Open files and connections.'),
    nproc: ulimit('Processes of its user, on the whole host; pidsLimit counts those of this instance alone.'),
    rss: ulimit('Bytes of resident memory; Linux ignores it.'),
    sigpending: ulimit('Signals that wait.'),
    stack: ulimit('Bytes of stack.'),
  },
};

const tmpfs: JsonSchema = {
  type: 'array',
  maxItems: 32,
  description: 'Folders in memory, empty at each start; what is in them counts as memory of the instance.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['mountPath'],
    properties: {
      mountPath: {
        type: 'string',
        pattern: '^/',
        maxLength: 4096,
        'x-expected': 'an absolute path',
        description: 'Where the instance sees it.',
      },
      size: size("The most it holds; half of the host's memory when left out."),
      mode: {
        type: 'string',
        pattern: '^[0-7]{3,4}$',
        'x-expected': 'permissions such as "1777", in quotes',
        description: 'Its permissions; 1777 when left out.',
      },
    },
  },
};

const capabilities: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description:
    'What root inside the instance may do. Beside add, an instance has CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, NET_BIND_SERVICE, SETGID, SETPCAP, SETUID and SYS_CHROOT.',
  properties: {
    add: {
      type: 'array',
      maxItems: 64,
      uniqueItems: true,
      items: { type: 'string', enum: CAPABILITIES },
      description:
        'Given beside the usual ones, or after drop: [ALL]. Those that reach beyond the instance are refused.',
    },
    drop: {
      type: 'array',
      maxItems: 64,
      uniqueItems: true,
      items: { type: 'string', enum: ['ALL', ...CAPABILITIES] },
      description: 'Taken away: any, or ALL.',
    },
  },
};

const dns: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description: "Who is asked for names that are not the VPC's.",
  properties: {
    servers: {
      type: 'array',
      maxItems: 3,
      uniqueItems: true,
      items: { type: 'string', maxLength: 45 },
      description: "Addresses of name servers; the host's when left out.",
    },
    search: {
      type: 'array',
      maxItems: 6,
      uniqueItems: true,
      items: { type: 'string', maxLength: 253, pattern: HOST_NAME, 'x-expected': 'a domain such as example.com' },
      description: 'Domains that are tried after a short name.',
    },
    options: {
      type: 'array',
      maxItems: 16,
      uniqueItems: true,
      items: {
        type: 'string',
        maxLength: 64,
        pattern: '^[a-z0-9-]+(:[0-9]+)?$',
        'x-expected': 'an option of resolv.conf such as ndots:2',
      },
      description: 'Options of resolv.conf.',
    },
  },
};

const SIGNALS = ['TERM', 'INT', 'QUIT', 'HUP', 'USR1', 'USR2', 'WINCH', 'KILL', 'ABRT', 'ALRM', 'CONT', 'PIPE'];
/** systemd and others are ended by one of these. */
const REAL_TIME = Array.from({ length: 15 }, (_, i) => `RTMIN+${i + 1}`);

export const aliases: JsonSchema = {
  type: 'array',
  maxItems: 32,
  uniqueItems: true,
  items: {
    type: 'string',
    maxLength: 253,
    pattern: '^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$',
    'x-expected': 'a host name such as db or db.internal',
  },
  description: 'More names by which others of its VPC find it. A name that several have is answered with all of them.',
};

export const containerProperties: Record<string, JsonSchema> = {
  init: {
    type: 'boolean',
    description:
      'A small init as process 1: it passes signals on and reaps what was left behind. True when left out; an instance that was made before there was this field has none until it is set.',
  },
  tty: { type: 'boolean', description: 'Gives the process a terminal.' },
  stdin: { type: 'boolean', description: 'Keeps standard input open.' },
  stopSignal: {
    type: 'string',
    enum: [...SIGNALS, ...REAL_TIME].map((name) => `SIG${name}`),
    description: "The signal that asks the process to end; the image's own, or SIGTERM, when left out.",
  },
  hostname: {
    type: 'string',
    minLength: 1,
    maxLength: 63,
    pattern: HOST_NAME,
    'x-expected': 'a host name such as db-1',
    description:
      "The host name that the process sees; the instance's name when left out. Others find it by its name and aliases.",
  },
  aliases,
  extraHosts: {
    type: 'object',
    maxProperties: 64,
    propertyNames: { pattern: HOST_NAME, maxLength: 253, 'x-expected': 'a host name such as db.example.com' },
    additionalProperties: { type: 'string', maxLength: 45 },
    description: 'More lines of /etc/hosts: an address by its name; host-gateway is the host.',
  },
  dns,
  groups: {
    type: 'array',
    maxItems: 64,
    uniqueItems: true,
    items: {
      type: 'string',
      maxLength: 32,
      pattern: '^[A-Za-z0-9_][-A-Za-z0-9_.]*$',
      'x-expected': 'the name of a group of the image, or its number in quotes',
    },
    description: "More groups of the process, by the image's names or by number.",
  },
  allowPrivilegeEscalation: {
    type: 'boolean',
    description:
      'Whether a program with the setuid bit or file capabilities, such as sudo, may give its process more than it had. False when left out: no-new-privileges is on.',
  },
  capabilities,
  readOnlyRootFilesystem: {
    type: 'boolean',
    description: "Whether the image's files can only be read; volumes and tmpfs can be written.",
  },
  tmpfs,
  shmSize: size('Size of /dev/shm; 64m when left out.'),
  sysctls: {
    type: 'object',
    maxProperties: 64,
    propertyNames: {
      pattern: '^[a-z0-9_-]+([.][A-Za-z0-9_-]+)+$',
      maxLength: 128,
      'x-expected': 'a kernel setting such as net.core.somaxconn',
    },
    additionalProperties: { type: 'string', maxLength: 256, pattern: '^[^\\n]*$', 'x-expected': 'one line' },
    description:
      "Kernel settings that are the instance's own: net.*, fs.mqueue.*, kernel.shm*, kernel.msg*, kernel.sem.",
  },
  ulimits,
  oomScoreAdjust: {
    type: 'integer',
    minimum: -1000,
    maximum: 1000,
    description: "The higher, the sooner it is killed when the host's memory runs out; from 0.",
  },
  pidsLimit: {
    type: 'integer',
    minimum: 1,
    maximum: 4_194_304,
    description:
      'Processes and threads at once; 4096 when left out. 4194304 is as many as Linux has. Changed in place.',
  },
  cpuSet: {
    type: 'string',
    maxLength: 256,
    pattern: '^\\d{1,4}(-\\d{1,4})?(,\\d{1,4}(-\\d{1,4})?)*$',
    'x-expected': 'processors such as 0-1,3',
    description: "Which of the host's processors it may use. Changed in place; taking it away recreates.",
  },
  memoryReservation: size(
    "What it is pushed back to when the host's memory runs short. Changed in place; taking it away recreates.",
  ),
  memorySwap: size('Memory and swap together; twice resources.memory when left out. Changed in place.'),
};
