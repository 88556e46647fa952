import type { JsonSchema } from '../../api/kind.ts';
import { duration, durationWithoutDefault, port } from '../shared/schemas.ts';

const label = (description: string): JsonSchema => ({
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
  'x-expected': 'a DNS label such as web-1',
  description,
});

const listeners: JsonSchema = {
  type: 'array',
  'x-also-known-as': ['port', 'ports', 'frontends'],
  minItems: 1,
  maxItems: 32,
  description:
    "Where it listens: on the host, and on its address in the VPC. A changed set of ports replaces the proxy's container.",
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['port'],
    properties: {
      port: port('The port.'),
      protocol: {
        type: 'string',
        enum: ['HTTP', 'TCP'],
        description: "What is spoken there; the load balancer's type when left out.",
      },
    },
  },
};

const rules: JsonSchema = {
  type: 'array',
  default: [],
  maxItems: 128,
  description:
    'Which request goes to which target group: the first rule that matches decides. Without any, all go to the first target group; with some, what none matches is answered 503.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['targetGroup'],
    properties: {
      port: port('Only what comes in on this listener.'),
      host: {
        type: 'string',
        minLength: 1,
        maxLength: 253,
        pattern: '^(\\*\\.)?[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$',
        'x-expected': 'a host name such as shop.example.com or *.example.com',
        description: 'Only requests for this host; *.example.com is every host below example.com.',
      },
      pathPrefix: {
        type: 'string',
        maxLength: 512,
        pattern: "^/[-A-Za-z0-9._~!$&'()*+,;=:@%/]*$",
        'x-expected': 'a path such as /api',
        'x-also-known-as': ['path', 'prefix'],
        description:
          'Only requests for this path and what is below it. Both are compared percent-decoded (%2F too), with single slashes and without . and .. segments, so that //api, /%61pi and /x/../api are /api; a target gets the path as the client sent it. With such a rule on its listener, a path that cannot be read so (an incomplete %, %00, more than 4 nested ..) is answered 400.',
      },
      targetGroup: label('Where they go: the name of a target group.'),
    },
  },
};

const healthCheck: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'How the load balancer knows that a target answers.',
  properties: {
    path: {
      type: 'string',
      maxLength: 512,
      pattern: "^/[-A-Za-z0-9._~!$&'()*+,;=:@%/?]*$",
      'x-expected': 'a path such as /health',
      description: 'A GET of this path; a TCP connection when left out.',
    },
    expectedStatus: {
      type: 'integer',
      minimum: 100,
      maximum: 599,
      default: 200,
      description: 'With path: the HTTP status that means healthy.',
    },
    interval: duration('Time between checks.', '2s'),
    timeout: duration('How long one check may take.', '2s'),
    healthyThreshold: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 2,
      description: 'Successes in a row that let a target in, and back in.',
    },
    unhealthyThreshold: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 2,
      description: 'Failures in a row that take a target out.',
    },
  },
};

const targetGroups: JsonSchema = {
  type: 'array',
  'x-also-known-as': ['backend', 'backends', 'targets', 'upstreams', 'servers'],
  minItems: 1,
  maxItems: 64,
  description: 'Sets of instances that requests go to.',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'targetPort'],
    description: 'Exactly one of scalingGroup, selector and instances says which.',
    properties: {
      name: label('Its name within the load balancer.'),
      scalingGroup: label('The instances of this scaling group.'),
      selector: {
        type: 'object',
        minProperties: 1,
        maxProperties: 16,
        additionalProperties: { type: 'string', maxLength: 63 },
        'x-also-known-as': ['labels', 'matchLabels'],
        description: 'The instances of the VPC that have these labels.',
      },
      instances: {
        type: 'array',
        minItems: 1,
        maxItems: 256,
        uniqueItems: true,
        items: label('The name of an instance.'),
        description: 'These instances.',
      },
      targetPort: { ...port('The port on which the instances answer.'), 'x-also-known-as': ['port', 'containerPort'] },
      healthCheck: {
        ...healthCheck,
        description:
          "How it is known that a target of this group answers, in place of the load balancer's healthCheck as a whole: what it leaves out has the default.",
      },
    },
  },
};

export const loadBalancerSpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['listeners', 'targetGroups'],
  properties: {
    vpc: {
      type: 'string',
      default: 'default',
      minLength: 1,
      maxLength: 63,
      'x-also-known-as': ['network', 'networks', 'vpcId', 'vpcName', 'subnet', 'subnetId'],
      description: 'The VPC of the same namespace. Immutable. "default" is made when it is needed.',
    },
    type: {
      type: 'string',
      enum: ['HTTP', 'TCP'],
      default: 'HTTP',
      'x-also-known-as': ['mode'],
      description:
        'HTTP understands requests, whose heads may have 64 KB (a larger one is answered 400); TCP passes connections on as they are.',
    },
    listeners,
    rules,
    targetGroups,
    algorithm: {
      type: 'string',
      enum: ['roundRobin', 'leastConn', 'source'],
      default: 'roundRobin',
      'x-also-known-as': ['balance', 'lbMethod'],
      description:
        'Which target is next: each in turn, the one with the fewest connections, or by the address of the client.',
    },
    healthCheck: { ...healthCheck, default: {} },
    stickiness: {
      type: 'object',
      additionalProperties: false,
      'x-also-known-as': ['sticky', 'stickySessions', 'sessionAffinity'],
      description: 'The same client gets the same target, by a cookie. HTTP only.',
      properties: {
        cookieName: {
          type: 'string',
          pattern: '^[A-Za-z0-9_-]{1,64}$',
          default: 'MINIAWSLB',
          'x-expected': 'letters, digits, "_" and "-"',
          description: "The cookie's name.",
        },
      },
    },
    deregistrationDelay: {
      ...duration('How long the sessions of a target that leaves may last.', '30s'),
      'x-also-known-as': ['connectionDraining', 'drainTimeout'],
    },
    idleTimeout: duration('A connection on which nothing is said for so long is closed.', '60s'),
    tunnelTimeout: durationWithoutDefault(
      'A web socket, or what else a request was switched to, is closed when nothing is said on it for so long; at most 168h. Sessions of targets that stay live on over a changed configuration for as long. 1h when left out; a load balancer that was made before there was this field goes by idleTimeout and deregistrationDelay until it is set. TCP goes by idleTimeout.',
    ),
    maxConnections: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      default: 10_000,
      description:
        'Client connections at one time; others wait. Over HTTP, one whose request or answer is on its way takes up to 140 KB of memory.',
    },
    proxyProtocol: {
      type: 'boolean',
      default: false,
      description: "Tells the targets the client's address by the PROXY protocol, version 2.",
    },
    trustedProxies: {
      type: 'array',
      default: [],
      maxItems: 64,
      uniqueItems: true,
      description:
        'IPv4 ranges of proxies in front of this one. Targets get X-Forwarded-For, -Proto, -Port and -Host: what a client sent in them is replaced, and only of a proxy in these ranges kept, with its address appended to X-Forwarded-For. HTTP only.',
      items: { type: 'string', maxLength: 18, description: 'A range such as 10.1.0.0/16.' },
    },
  },
};

export const loadBalancerStatusSchema: JsonSchema = {
  type: 'object',
  properties: {
    phase: { type: 'string', description: 'Pending, Active, Degraded or Terminating.' },
    containerId: { type: 'string', description: "The Engine's id of the proxy's container." },
    containerName: { type: 'string', description: "The container's name." },
    privateIp: { type: 'string', description: 'Address in the VPC; kept for the life of the load balancer.' },
    vpcUid: { type: 'string', description: 'The VPC that the address belongs to.' },
    ingressCidrBlock: {
      type: 'string',
      description: 'Of an internal VPC: the range of the network by which clients reach the load balancer.',
    },
    targets: {
      type: 'array',
      description: 'Every instance that is registered.',
      items: {
        type: 'object',
        required: ['targetGroup', 'instance', 'uid', 'state'],
        properties: {
          targetGroup: { type: 'string', description: 'The target group.' },
          instance: { type: 'string', description: "The instance's name." },
          uid: { type: 'string', description: "The instance's uid." },
          address: { type: 'string', description: 'Address and port.' },
          state: { type: 'string', description: 'Initial, Healthy, Unhealthy or Draining.' },
          since: { type: 'string', description: 'Since when it is in this state.' },
          lastCheck: { type: 'string', description: 'What the last failed check found.' },
          sessions: { type: 'integer', description: 'Connections at this moment; answered on read, never stored.' },
        },
      },
    },
    healthyTargets: { type: 'string', description: 'Healthy ones of those registered: 3/4.' },
    recreateWouldChange: {
      type: 'array',
      items: { type: 'string' },
      description: 'Of a container that an earlier release made: what one that is made now would have otherwise.',
    },
    lastChange: {
      type: 'object',
      description: 'The last change of its targets or its configuration.',
      properties: {
        at: { type: 'string', description: 'When it was complete.' },
        failedRequests: { type: 'integer', description: 'Requests that failed while it was under way.' },
        cutSessions: {
          type: 'integer',
          description: 'Sessions that it broke off: of targets that left, and of old configurations.',
        },
      },
    },
  },
};
