import fc from 'fast-check';
import type { Scenario } from '../../../src/proof/scenario.ts';
import type { Hints } from '../../support/from-schema.ts';
import { sourceDocuments } from './config-documents.ts';
import { mainVpc, sideVpc } from '../vpc/scenarios.ts';

const instance = (name: string, spec: object = {}) => ({
  kind: 'Instance',
  metadata: { name },
  spec: { image: 'app:1', vpc: 'main', ...spec },
});
const web = (spec: object = {}) => ({ apply: instance('web', { resources: { cpus: 1 }, ...spec }) });
const main = { apply: mainVpc };
const both = [main, web()];
const side = { apply: sideVpc };
const inBoth = web({ networks: [{ vpc: 'side' }] });

const volumes = [{ name: 'data', mountPath: '/data' }];

const { map, secret } = sourceDocuments;
const sources = [main, { apply: map({ a: '1', b: '1' }) }, { apply: secret('one') }];
const given = ({ onChange = { signal: 'HUP' } }: { onChange?: unknown } = {}) =>
  web({
    files: [{ path: '/etc/app', configMap: 'app', onChange }],
    env: { P: { valueFrom: { secret: 'db', key: 'PASSWORD' } } },
  });

/** What the life of an instance is made of. */
export const INSTANCE_SCENARIOS: readonly Scenario[] = [
  { name: 'create', given: [], when: both },
  {
    name: 'create in the default VPC',
    given: [],
    when: [{ apply: { ...instance('web'), spec: { image: 'app:1' } } }],
  },
  { name: 'start of the daemon with work pending', given: [], when: both, pending: true },
  { name: 'start of the daemon with a change pending', given: both, when: [web({ image: 'app:2' })], pending: true },
  { name: 'change in place', given: both, when: [web({ resources: { cpus: 2 }, restartPolicy: 'OnFailure' })] },
  { name: 'recreate', given: both, when: [web({ image: 'app:2', volumes })] },
  { name: 'power off', given: both, when: [web({ powerState: 'Stopped' })] },
  { name: 'power on', given: [main, web({ powerState: 'Stopped' })], when: [web()] },
  { name: 'create in two VPCs', given: [], when: [main, inBoth, side] },
  { name: 'a second VPC is added', given: [main, side, web()], when: [inBoth] },
  {
    name: 'a second VPC is left, and deleted',
    given: [main, side, inBoth],
    when: [web(), { delete: 'VPC/default/side' }],
  },
  {
    name: 'recreate in two VPCs, at another address',
    given: [main, side, inBoth],
    when: [web({ image: 'app:2', networks: [{ vpc: 'side', privateIp: '10.4.0.7' }] })],
  },
  {
    name: 'create with files and variables, which come later',
    given: [],
    when: [main, given(), { apply: map({ a: '1', b: '1' }) }, { apply: secret('one') }],
  },
  {
    name: 'a file is replaced, and the process told',
    given: [...sources, given()],
    when: [{ apply: map({ a: '2', b: '1' }) }],
  },
  {
    name: 'files change while the daemon is down',
    given: [...sources, given({ onChange: 'Restart' })],
    when: [{ apply: map({ a: '2', c: '1' }) }, { apply: secret('two') }],
    pending: true,
  },
  {
    name: 'a map is deleted and made again, otherwise',
    given: [...sources, given()],
    when: [{ delete: 'ConfigMap/default/app' }, { apply: map({ a: '3' }) }],
  },
  {
    name: 'VPC move refused',
    given: both,
    when: [{ refused: instance('web', { vpc: 'other' }), because: /cannot move/ }, web({ env: { A: '1' } })],
  },
  {
    name: 'delete, instance first',
    given: both,
    when: [{ delete: 'Instance/default/web' }, { delete: 'VPC/default/main' }],
  },
  {
    name: 'delete, VPC first',
    given: both,
    when: [{ delete: 'VPC/default/main' }, { delete: 'Instance/default/web' }],
  },
  {
    name: 'deleted and made again under its name',
    given: both,
    when: [{ delete: 'Instance/default/web' }, web({ image: 'app:2' })],
  },
];

/** Long ones: disturbed by deaths and failures alone. */
export const BURSTS: readonly Scenario[] = [
  {
    name: 'burst of ten',
    given: [main],
    when: Array.from({ length: 10 }, (_, i) => ({ apply: instance(`web-${i}`, { volumes }) })),
  },
];

/** What the schema alone does not say of a specification that can be Ready here. */
export const INSTANCE_HINTS: Hints = {
  image: fc.constantFrom('app:1', 'app:2', `registry.example/app@sha256:${'0123'.repeat(16)}`),
  vpc: fc.constant('main'),
  privateIp: fc.constantFrom('10.1.0.7', '10.1.0.8'),
  networks: fc.constantFrom(
    [],
    [{ vpc: 'side' }],
    [{ vpc: 'side', privateIp: '10.4.0.7' }],
    [{ vpc: 'side', aliases: ['db'] }],
    [{ vpc: 'default' }],
  ),
  env: fc.constantFrom(
    {},
    { A: '1', B: '$B' },
    { A: { valueFrom: { configMap: 'app', key: 'a' } } },
    { A: { valueFrom: { secret: 'db', key: 'PASSWORD' } }, B: '1' },
  ),
  envFrom: fc.constantFrom([], [{ configMap: 'app' }], [{ secret: 'db', prefix: 'DB_' }, { configMap: 'app' }]),
  files: fc.constantFrom(
    [],
    [{ path: '/etc/app', configMap: 'app' }],
    [{ path: '/etc/app/a', configMap: 'app', key: 'a', onChange: { signal: 'HUP' } }],
    [{ path: '/etc/app/a', content: '${namespace} $${x}', template: true, onChange: 'Update' }],
    [{ path: '/etc/app/a', content: 'other', onChange: 'Restart', mode: '0600', uid: 7 }],
  ),
  // With files, true is refused.
  readOnlyRootFilesystem: fc.constantFrom(false, false, false, true),
  command: fc.constantFrom(['serve'], ['serve', '--quiet']),
  'ports[]': fc.constantFrom('80', '0:81', '8080:80', '127.0.0.1:8081:81/udp'),
  'resources.memory': fc.constantFrom('6Mi', '64m', '1g'),
  volumes: fc.constantFrom(
    [],
    [{ name: 'data', mountPath: '/data' }],
    [{ name: 'logs', mountPath: '/data', readOnly: true }],
    [{ hostPath: '/srv', mountPath: '/srv' }],
    [{ name: 'memory', mountPath: '/data', driverOptions: { type: 'tmpfs' } }],
  ),
  healthCheck: fc.constantFrom(
    { http: { port: 80 } },
    { tcp: { port: 80 }, interval: '1s' },
    { command: ['true'], retries: 1 },
    { tcp: { port: 80 }, restartOnUnhealthy: true },
    { disable: true },
  ),
  stopGracePeriod: fc.constantFrom('0s', '1s', '1m30s'),
  'logs.options': fc.constantFrom({}, { 'max-buffer-size': '1m', mode: 'non-blocking' }),
  'logs.driver': fc.constantFrom('json-file', 'local'),
  'aliases[]': fc.constantFrom('db', 'db.internal'),
  hostname: fc.constantFrom('db', 'db-1.example'),
  extraHosts: fc.constantFrom({}, { db: '10.9.9.9', host: 'host-gateway' }),
  'dns.servers[]': fc.constantFrom('10.9.9.9', 'fd00::1'),
  'dns.search[]': fc.constantFrom('example.com', 'local'),
  'dns.options[]': fc.constantFrom('ndots:2', 'rotate'),
  'groups[]': fc.constantFrom('1000', 'audio'),
  'capabilities.add[]': fc.constantFrom('NET_RAW', 'SYS_PTRACE'),
  tmpfs: fc.constantFrom([], [{ mountPath: '/tmp' }], [{ mountPath: '/run', size: '1m', mode: '755' }]),
  shmSize: fc.constantFrom('1m', '128Mi'),
  sysctls: fc.constantFrom({}, { 'net.core.somaxconn': '512' }, { 'kernel.shmmax': '1000000' }),
  ulimits: fc.constantFrom({}, { nofile: { soft: 1_024 } }, { nproc: { soft: -1, hard: -1 }, core: { soft: 0 } }),
  oomScoreAdjust: fc.constantFrom(0, 500),
  cpuSet: fc.constantFrom('0', '0-1'),
  memoryReservation: fc.constantFrom('2Mi', '4m'),
  devices: fc.constantFrom([], [{ hostPath: '/dev/kvm' }], [{ hostPath: '/dev/dri', permissions: 'r' }]),
  gpus: fc.constantFrom({ count: -1 }, { ids: ['0'], capabilities: ['utility'] }),
  // Wants resources.memory beside it.
  memorySwap: fc.constant(undefined),
};
