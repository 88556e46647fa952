import type { JsonSchema } from '../../api/kind.ts';
import { duration, port, strings } from '../shared/schemas.ts';

export const healthCheck: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  'x-also-known-as': ['livenessProbe', 'readinessProbe', 'startupProbe'],
  description:
    "How it is known that the process works. Exactly one of http, tcp, command and disable. Left out, the image's own check counts; without one, running is healthy.",
  properties: {
    http: {
      type: 'object',
      additionalProperties: false,
      required: ['port'],
      'x-also-known-as': ['httpGet'],
      description: 'A GET from the daemon that must answer the expected status.',
      properties: {
        port: port('The port inside the instance.'),
        path: {
          type: 'string',
          pattern: '^/',
          maxLength: 1024,
          default: '/',
          'x-expected': 'a path that begins with /',
          description: 'The path.',
        },
        expectedStatus: {
          type: 'integer',
          minimum: 100,
          maximum: 599,
          default: 200,
          description: 'The HTTP status that means healthy.',
        },
      },
    },
    tcp: {
      type: 'object',
      additionalProperties: false,
      required: ['port'],
      'x-also-known-as': ['tcpSocket'],
      description: 'A connection from the daemon that must be accepted.',
      properties: { port: port('The port inside the instance.') },
    },
    command: {
      ...strings('A command inside the instance that must exit 0; the Engine runs it.', 64),
      minItems: 1,
      'x-also-known-as': ['test', 'exec'],
    },
    disable: {
      type: 'boolean',
      description: "Turns off the image's own check: running is healthy. Recreates the container.",
    },
    restartOnUnhealthy: {
      type: 'boolean',
      'x-also-known-as': ['autoheal'],
      description:
        'Restarts the process when its check fails, each time after a longer pause, up to 5 minutes. Not in the template of a group, which replaces its instances.',
    },
    interval: { ...duration('Time between checks.', '10s'), 'x-also-known-as': ['periodSeconds'] },
    timeout: { ...duration('How long one check may take.', '5s'), 'x-also-known-as': ['timeoutSeconds'] },
    retries: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 3,
      'x-also-known-as': ['failureThreshold'],
      description: 'Failures in a row that make it unhealthy.',
    },
    startPeriod: {
      ...duration('Failures this soon after the start do not count.', '0s'),
      'x-also-known-as': ['initialDelaySeconds', 'start_interval'],
    },
  },
};
