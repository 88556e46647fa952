import { describe, expect, it } from 'vitest';
import { CAPABILITIES } from '../../../src/kinds/instance/capabilities.ts';
import type { Policy } from '../../../src/api/kind.ts';
import { levelProblems, policyProblems } from '../../../src/kinds/instance/security-level.ts';
import type { InstanceSpec } from '../../../src/kinds/instance/types.ts';
import { instance } from './support.ts';

/** What the restricted level wants beside, so that a row shows its own field alone. */
const TAME = { user: '1000', capabilities: { drop: ['ALL'] } };
/** As stored, with a field that admission takes only where the settings allow it. */
const specOf = (spec: object): InstanceSpec => ({ ...instance().spec, ...spec });
type SecurityLevel = Policy['level'];
const fields = (spec: object, level: SecurityLevel, hostPorts?: readonly number[]) =>
  levelProblems(specOf(spec), level, hostPorts && { hostPorts }).map(({ field }) => field);

type Refused = readonly string[];
describe.each<[string, object, { baseline?: Refused; restricted?: Refused }]>([
  ['one that asks for nothing more', TAME, {}],
  ['one that says nothing', {}, { restricted: ['spec.capabilities.drop', 'spec.user'] }],
  [
    'raw packets',
    { ...TAME, capabilities: { drop: ['ALL'], add: ['CHOWN', 'NET_RAW'] } },
    {
      baseline: ['spec.capabilities.add[1]'],
      restricted: ['spec.capabilities.add[0]', 'spec.capabilities.add[1]'],
    },
  ],
  ['a low port', { ...TAME, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }, {}],
  ['some dropped', { ...TAME, capabilities: { drop: ['CHOWN'] } }, { restricted: ['spec.capabilities.drop'] }],
  [
    'a folder of the host',
    {
      ...TAME,
      volumes: [
        { name: 'a', mountPath: '/a' },
        { hostPath: '/srv', mountPath: '/b' },
      ],
    },
    {
      baseline: ['spec.volumes[1].hostPath'],
      restricted: ['spec.volumes[1].hostPath'],
    },
  ],
  ['a volume in memory', { ...TAME, volumes: [{ name: 'a', mountPath: '/a', driverOptions: { type: 'tmpfs' } }] }, {}],
  [
    "another server's volume",
    { ...TAME, volumes: [{ name: 'a', mountPath: '/a', driverOptions: { type: 'nfs' } }] },
    {
      restricted: ['spec.volumes[0].driverOptions.type'],
    },
  ],
  [
    'a device',
    { ...TAME, devices: [{ hostPath: '/dev/kvm' }] },
    {
      baseline: ['spec.devices[0]'],
      restricted: ['spec.devices[0]'],
    },
  ],
  ['a GPU', { ...TAME, gpus: { count: 1 } }, {}],
  ['a safe kernel setting', { ...TAME, sysctls: { 'net.ipv4.tcp_syncookies': '1' } }, {}],
  [
    'another kernel setting',
    { ...TAME, sysctls: { 'net.core.somaxconn': '1' } },
    {
      baseline: ['spec.sysctls["net.core.somaxconn"]'],
      restricted: ['spec.sysctls["net.core.somaxconn"]'],
    },
  ],
  ['ports that the Engine chooses', { ...TAME, ports: ['80', '127.0.0.1:0:81', '7000-7003'] }, {}],
  [
    'a port of the host',
    { ...TAME, ports: ['80', '8080:80'] },
    {
      baseline: ['spec.ports[1]'],
      restricted: ['spec.ports[1]'],
    },
  ],
  [
    'a range of them',
    { ...TAME, ports: ['8080-8081:80-81'] },
    {
      baseline: ['spec.ports[0]'],
      restricted: ['spec.ports[0]'],
    },
  ],
  [
    'more rights by sudo',
    { ...TAME, allowPrivilegeEscalation: true },
    { restricted: ['spec.allowPrivilegeEscalation'] },
  ],
  ['root', { ...TAME, user: '0:1000' }, { restricted: ['spec.user'] }],
  ['root in more digits', { ...TAME, user: '000' }, { restricted: ['spec.user'] }],
  ['a user by name', { ...TAME, user: 'www-data' }, { restricted: ['spec.user'] }],
  ['a user of the group of root', { ...TAME, user: '7:0' }, {}],
])('%s', (_what, spec, { baseline = [], restricted = [] }) => {
  it.each<[SecurityLevel, Refused]>([
    ['privileged', []],
    ['baseline', baseline],
    ['restricted', restricted],
  ])('at %s', (level, expected) => {
    expect(fields(spec, level)).toEqual(expected);
  });
});

it('a host port that is listed is allowed', () => {
  expect(fields({ ...TAME, ports: ['8080:80'] }, 'restricted', [8080])).toEqual([]);
  expect(fields({ ports: ['8080-8081:80-81'] }, 'baseline', [8080])).toEqual(['spec.ports[0]']);
});

it('what restricted allows to add, baseline allows; what baseline allows, privileged does', () => {
  const addable = (level: SecurityLevel) =>
    CAPABILITIES.filter(
      (name) => fields({ ...TAME, capabilities: { drop: ['ALL'], add: [name] } }, level).length === 0,
    );
  expect(addable('restricted')).toEqual(['NET_BIND_SERVICE']);
  expect(addable('baseline')).toHaveLength(13);
  expect(addable('privileged')).toEqual(CAPABILITIES);
});

it.each<[object, SecurityLevel, string]>([
  [
    { capabilities: { add: ['NET_RAW'] } },
    'baseline',
    "the namespace's policy (baseline) does not allow it: NET_RAW may not be added",
  ],
  [
    { ports: ['8080:80'] },
    'baseline',
    'host port 8080 may not be taken: leave the host port out (the Engine chooses one), or put',
  ],
  [{ ...TAME, user: 'web' }, 'restricted', '"web" may be root: set the number of a user other than 0, such as "1000"'],
  [{ ...TAME, user: undefined }, 'restricted', 'the image decides, and may run as root'],
])('says what is wrong and what to do: %j at %s', (spec, level, words) => {
  expect(
    levelProblems(specOf(spec), level)
      .map(({ message }) => message)
      .join('\n'),
  ).toContain(words);
});

describe('what else a policy says', () => {
  const said = (spec: object, policy: Partial<Policy>) =>
    policyProblems(specOf(spec), { level: 'privileged', allowLatest: true, ...policy }).map(
      ({ field, message }) => `${field} ${message}`,
    );

  it.each<[string, readonly string[], boolean]>([
    ['nginx:1.27', ['docker.io/library'], true],
    ['nginx:1.27', ['docker.io'], true],
    ['team/app:1', ['docker.io/library'], false],
    ['registry.example/team/app:1', ['registry.example/team'], true],
    ['registry.example/teams/app:1', ['registry.example/team'], false],
    ['registry.example.evil/app:1', ['registry.example'], false],
    ['localhost:5000/app:1', ['localhost:5000'], true],
    ['app:1', [], false],
  ])('image %s is of one of %j: %s', (image, registries, isAllowed) => {
    expect(said({ image }, { registries }).length === 0).toBe(isAllowed);
  });

  it.each<[string, boolean]>([
    ['app:1', true],
    [`app@sha256:${'0'.repeat(64)}`, true],
    ['0'.repeat(64), true],
    ['app:latest', false],
    ['app', false],
  ])('image %s is of no tag that moves: %s', (image, isAllowed) => {
    expect(said({ image }, { allowLatest: false }).length === 0).toBe(isAllowed);
    expect(said({ image }, {})).toEqual([]);
  });

  it('folders and ports of the host are any at privileged but where they are listed, and none elsewhere', () => {
    const volumes = [{ hostPath: '/srv/shop', mountPath: '/data' }];
    const ports = ['8080:80'];
    expect(said({ volumes, ports }, {})).toEqual([]);
    expect(said({ volumes, ports }, { hostPaths: ['/srv'], hostPorts: [8080] })).toEqual([]);
    expect(said({ volumes, ports }, { hostPaths: ['/srv/other'], hostPorts: [80] })).toEqual([
      "spec.volumes[0].hostPath the namespace's policy (privileged) does not allow it: /srv/shop is a folder of the host: use a named volume (name), or one in /srv/other",
      "spec.ports[0] the namespace's policy (privileged) does not allow it: host port 8080 may not be taken: leave the host port out (the Engine chooses one), or one of 80, or put a LoadBalancer before it",
    ]);
    expect(said({ volumes }, { level: 'baseline', hostPaths: ['/srv'] })).toEqual([]);
  });
});
