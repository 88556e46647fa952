import { ENGINE_SOCKETS } from '../../src/base/host-paths.ts';
import { PORT_EXPECTED } from '../../src/kinds/shared/port-mapping.ts';
import { specSchema } from '../../src/api/kind.ts';
import { describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { FINALIZER } from '../../src/api/metadata.ts';
import { KINDS } from '../../src/kinds/index.ts';
import type { AdmissionSettings, JsonSchema } from '../../src/api/kind.ts';
import type { RawDocument } from '../../src/admission/admit.ts';
import { applyDocument, create, patch, remove, replace } from '../../src/admission/operations.ts';
import type { WriteContext } from '../../src/admission/operations.ts';
import { StatusError } from '../../src/base/errors.ts';
import { Mirror } from '../../src/store/mirror.ts';
import { refusalOf } from '../support/refusal.ts';

const settings: AdmissionSettings = {
  vpcPool: '10.64.0.0/12',
  vpcPrefix: 20,
  hostPaths: { allowed: ['/srv/data'], guarded: [...ENGINE_SOCKETS, '/srv/data/miniaws'] },
  hostAccess: { devices: [], gpus: false, metadata: false, nfsServers: [] },
  foreignRanges: () => ['10.64.0.0/20'],
};
const context = (over: Partial<WriteContext> = {}): WriteContext => ({
  settings,
  now: new Date('2026-01-01T00:00:00Z'),
  fieldValidation: 'Strict',
  warnings: [],
  manager: 'test',
  ...over,
});
const view = (...resources: Resource[]): Mirror => {
  const mirror = new Mirror(KINDS);
  for (const r of resources) mirror.set(r);
  return mirror;
};
const raw = (kind: string, name: string, spec: object, namespace = 'default'): RawDocument => ({
  apiVersion: 'miniaws.dev/v1',
  kind,
  metadata: { name, namespace },
  spec,
});
const make = (kind: string, name: string, spec: object, seen = view()): Resource =>
  create(KINDS.must(kind), raw(kind, name, spec), seen, context());
const refusal = (fn: () => unknown): StatusError => {
  const refused = refusalOf(fn);
  if (!refused) throw new Error('it was not refused');
  return refused;
};
const causes = (fn: () => unknown) => refusal(fn).causes.map((c) => `${c.field}: ${c.message}`);
const instance = (spec: object) => () => make('Instance', 'web', { image: 'x', ...spec });

describe('bad input is refused with its field and what was expected (I13)', () => {
  it.each([
    ['a misspelt field', { imagee: 'x' }, 'spec.imagee: unknown field; did you mean "image"?'],
    [
      'what there is not',
      { privileged: true },
      'spec.privileged: unknown field; there is no such thing here: it would own the machine',
    ],
    [
      'what another kind has',
      { replicas: 3 },
      'spec.replicas: unknown field; there is no such thing here: a ScalingGroup has desiredCount',
    ],
    ['the name of Compose', { restart: 'always' }, 'spec.restart: unknown field; here it is called "restartPolicy"'],
    ['the name of Docker', { entrypoint: ['sh'] }, 'spec.entrypoint: unknown field; here it is called "command"'],
    ['a name that means two', { cmd: ['sh'] }, 'spec.cmd: unknown field; here it is called "command" or "args"'],
    [
      'Compose, deeper here',
      { mem_limit: '1g' },
      'spec.mem_limit: unknown field; here it is called "resources.memory"',
    ],
    ['the network', { network: 'a' }, 'spec.network: unknown field; here it is called "vpc"'],
    [
      'the networks of Compose',
      { networks: ['a'] },
      'spec.networks[0]: expected a mapping such as { vpc: back }, found "a"',
    ],
    [
      'a name inside a list',
      { volumes: [{ name: 'a', mountPath: '/a', target: '/b' }] },
      'spec.volumes[0].target: unknown field; here it is called "mountPath"',
    ],
    ['what is nested here', { maxFiles: 3 }, 'spec.maxFiles: unknown field; it belongs in "logs.maxFiles"'],
    ['what is metadata', { name: 'web' }, 'spec.name: unknown field; it belongs in "metadata.name"'],
    [
      'host network',
      { networkMode: 'host' },
      'spec.networkMode: unknown field; there is no such thing here: an instance is in its VPC',
    ],
    ['a wrong type', { ports: '80' }, 'spec.ports: expected a list, found "80"'],
    [
      'a number for a string',
      { env: { PORT: 80 } },
      'spec.env.PORT: expected a string (put it in quotes), found a number',
    ],
    [
      'a value that is none of the list',
      { powerState: 'running' },
      'spec.powerState: expected one of Running, Stopped; found "running"; did you mean "Running"?',
    ],
    ['a bad port', { ports: ['80', '99999'] }, `spec.ports[1]: "99999" is not ${PORT_EXPECTED}`],
    ['one host port twice', { ports: ['80:80', '80:81'] }, 'spec.ports[1]: host port 80 is already taken by ports[0]'],
    [
      'too little memory',
      { resources: { memory: '1Mi' } },
      'spec.resources.memory: "1Mi" is under 6Mi, the least that the Engine takes',
    ],
    [
      'a bad duration',
      { stopGracePeriod: '10 seconds' },
      'spec.stopGracePeriod: expected a duration such as 500ms, 10s or 1m30s, found "10 seconds"',
    ],
    [
      'a number for a duration',
      { stopGracePeriod: 10 },
      'spec.stopGracePeriod: expected a duration such as 500ms, 10s or 1m30s, found 10; write "10s"',
    ],
    [
      'an image that no registry can have',
      { image: 'Nginx:latest' },
      'spec.image: "Nginx:latest" can never be pulled: "Nginx" has capital letters, and names of images have none: "nginx"',
    ],
    [
      'a range of ports that has one of another',
      { ports: ['7000-7003:7000-7003', '7002:80'] },
      'spec.ports[1]: host port 7002 is already taken by ports[0]',
    ],
    [
      'two health checks',
      { healthCheck: { tcp: { port: 1 }, command: ['x'] } },
      'spec.healthCheck: give exactly one of http, tcp, command and disable: true; tcp and command are given',
    ],
    [
      'the socket',
      { volumes: [{ hostPath: '/var/run/docker.sock', mountPath: '/s' }] },
      'spec.volumes[0].hostPath: /var/run/docker.sock would expose /var/run/docker.sock, which is never mounted into an instance',
    ],
    [
      'a folder above the socket',
      { volumes: [{ hostPath: '/var', mountPath: '/s' }] },
      'spec.volumes[0].hostPath: /var would expose /var/run/docker.sock, which is never mounted into an instance',
    ],
    [
      'the socket by another name',
      { volumes: [{ hostPath: '/var/run/./docker.sock', mountPath: '/s' }] },
      'spec.volumes[0].hostPath: must be an absolute path without ".", ".." and needless slashes: "/var/run/docker.sock"',
    ],
    [
      'the socket with two slashes',
      { volumes: [{ hostPath: '//var/run/docker.sock', mountPath: '/s' }] },
      'spec.volumes[0].hostPath: must be an absolute path without ".", ".." and needless slashes: "/var/run/docker.sock"',
    ],
    [
      'a way out of what is allowed',
      { volumes: [{ hostPath: '/srv/data/../../run', mountPath: '/s' }] },
      'spec.volumes[0].hostPath: must be an absolute path without ".", ".." and needless slashes: "/run"',
    ],
    [
      'what is the daemon’s own',
      { volumes: [{ hostPath: '/srv/data/miniaws/tls', mountPath: '/s' }] },
      'spec.volumes[0].hostPath: /srv/data/miniaws/tls would expose /srv/data/miniaws, which is never mounted into an instance',
    ],
    [
      'a folder above what is the daemon’s own',
      { volumes: [{ hostPath: '/srv/data', mountPath: '/s' }] },
      'spec.volumes[0].hostPath: /srv/data would expose /srv/data/miniaws, which is never mounted into an instance',
    ],
    [
      'a host path that is not allowed',
      { volumes: [{ hostPath: '/etc', mountPath: '/s' }] },
      'spec.volumes[0].hostPath: /etc may not be mounted; allowed is only below /srv/data',
    ],
    [
      'a device that is not allowed',
      { devices: [{ hostPath: '/dev/kvm' }] },
      'spec.devices[0].hostPath: /dev/kvm may not be used; allowed is none: start the daemon with --allow-device',
    ],
    [
      'GPUs that are not allowed',
      { gpus: { count: -1 } },
      'spec.gpus: GPUs of the host may not be used: start the daemon with --allow-gpus yes',
    ],
    [
      'a server that is not allowed',
      { volumes: [{ name: 'n', mountPath: '/n', driverOptions: { type: 'nfs', device: ':/x', o: 'addr=10.0.0.5' } }] },
      'spec.volumes[0].driverOptions.o: 10.0.0.5 may not be mounted from; allowed is none: start the daemon with --allow-nfs-server',
    ],
    [
      'our labels',
      { labels: { 'miniaws.dev/uid': 'x' } },
      'spec.labels["miniaws.dev/uid"]: labels of miniaws.dev/ mark what this installation owns and cannot be set',
    ],
  ])('%s', (_what, spec, expected) => {
    expect(
      causes(instance(spec)).map((c) => c.replace('spec.labels.miniaws.dev/uid', 'spec.labels["miniaws.dev/uid"]')),
    ).toContain(expected);
  });

  it.each([
    [
      'host bits',
      { cidrBlock: '10.0.0.1/24' },
      'spec.cidrBlock: "10.0.0.1/24" has host bits set; the range is 10.0.0.0/24',
    ],
    [
      'a prefix out of range',
      { cidrBlock: '10.0.0.0/8' },
      'spec.cidrBlock: "10.0.0.0/8" is not an IPv4 range of /16 to /28, such as 10.20.0.0/24',
    ],
    [
      'a short form',
      { cidrBlock: '10.1/16' },
      'spec.cidrBlock: "10.1/16" is not an IPv4 range of /16 to /28, such as 10.20.0.0/24',
    ],
    [
      'a gateway outside',
      { cidrBlock: '10.0.0.0/24', gateway: '10.0.1.1' },
      'spec.gateway: "10.0.1.1" is not an address of 10.0.0.0/24',
    ],
  ])('VPC: %s', (_what, spec, expected) => {
    expect(causes(() => make('VPC', 'a', spec))).toEqual([expected]);
  });

  it.each([
    ['VPC', { labels: { a: 'b' } }, 'spec.labels: unknown field; it belongs in "metadata.labels"'],
    ['VPC', { cidr: '10.1.0.0/16' }, 'spec.cidr: unknown field; here it is called "cidrBlock"'],
    [
      'LoadBalancer',
      { listeners: [{ port: 80 }], targetGroups: [{ name: 'a', instances: ['a'], targetPort: 80, port: 80 }] },
      'spec.targetGroups[0].port: unknown field; here it is called "targetPort"',
    ],
    [
      'ScalingGroup',
      { minInstances: 1, maxInstances: 2, replicas: 2, template: { spec: { image: 'x' } } },
      'spec.replicas: unknown field; here it is called "desiredCount"',
    ],
    [
      'ScalingGroup',
      { minInstances: 1, maxInstances: 2, environment: {}, template: { spec: { image: 'x' } } },
      'spec.environment: unknown field; here it is called "template.spec.env"',
    ],
    [
      'ScalingGroup',
      { minInstances: 1, maxInstances: 2, image: 'x', template: { spec: { image: 'x' } } },
      'spec.image: unknown field; it belongs in "template.spec.image"',
    ],
  ])('%s %j is told what it is here', (kind, spec, expected) => {
    expect(causes(() => make(kind, 'a', spec))).toEqual([expected]);
  });

  it('a field beside the specification belongs into it', () => {
    const document = { ...raw('Instance', 'web', { image: 'x' }), ports: ['80'] };
    expect(causes(() => create(KINDS.must('Instance'), document, view(), context()))).toEqual([
      'ports: unknown field; it belongs in "spec.ports"',
    ]);
  });

  it('no name stands for a field that the same object has', () => {
    const wrong = (schema: JsonSchema, at: string): string[] =>
      Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [
        ...(property['x-also-known-as'] ?? [])
          .filter((alias) => Object.hasOwn(schema.properties ?? {}, alias))
          .map((alias) => `${at}.${name}: ${alias}`),
        ...wrong(property, `${at}.${name}`),
        ...wrong(property.items ?? {}, `${at}.${name}[]`),
      ]);
    expect(
      KINDS.all
        .flatMap((kind) => wrong(specSchema(kind), kind.kind))
        .filter((found) => !/resources\.(cpus: cpus|memory: memory)$/.test(found)),
    ).toEqual([]);
  });

  it('bad names', () => {
    expect(causes(() => make('VPC', 'Bad_Name', {}))[0]).toMatch(/^metadata.name: expected lower-case letters/);
    expect(causes(() => make('VPC', 'x'.repeat(64), {}))[0]).toMatch(/^metadata.name: /);
  });

  it('an unknown kind names the nearest one', () => {
    expect(KINDS.get('Instnace')).toBeUndefined();
  });

  it('under Warn an unknown field is dropped with a warning', () => {
    const ctx = context({ fieldValidation: 'Warn' });
    const made = create(KINDS.must('Instance'), raw('Instance', 'web', { image: 'x', imagee: 'y' }), view(), ctx);
    expect(made.spec).not.toHaveProperty('imagee');
    expect(ctx.warnings).toEqual(['spec.imagee: unknown field; did you mean "image"?']);
  });

  it.each(['Warn', 'Ignore'] as const)('under %s every unknown field is dropped, however many there are', (mode) => {
    const unknown = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`unknown${i}`, i]));
    const document = raw('Instance', 'web', { image: 'x', ...unknown });
    const made = create(KINDS.must('Instance'), document, view(), context({ fieldValidation: mode }));
    expect(Object.keys(made.spec).filter((field) => field.startsWith('unknown'))).toEqual([]);
  });
});

describe('what needs other objects', () => {
  it('overlapping VPCs are refused, naming the holder', () => {
    const seen = view(make('VPC', 'main', { cidrBlock: '10.1.0.0/16' }));
    expect(causes(() => make('VPC', 'other', { cidrBlock: '10.1.2.0/24' }, seen))).toEqual([
      'spec.cidrBlock: 10.1.2.0/24 overlaps 10.1.0.0/16 of VPC default/main',
    ]);
  });

  it('a VPC without a range takes the first of the pool that nobody holds, ours or not', () => {
    const first = make('VPC', 'a', {});
    expect(first.spec).toMatchObject({ cidrBlock: '10.64.16.0/20', gateway: '10.64.16.1', internetGateway: true });
    expect(make('VPC', 'b', {}, view(first)).spec).toMatchObject({ cidrBlock: '10.64.32.0/20' });
  });

  it('a fixed host port is had by one instance', () => {
    const seen = view(make('Instance', 'a', { image: 'x', ports: ['8080:80'] }));
    expect(causes(() => make('Instance', 'b', { image: 'x', ports: ['127.0.0.1:8080:80'] }, seen))[0]).toMatch(
      /host port 8080 is taken by Instance default\/a/,
    );
    expect(make('Instance', 'b', { image: 'x', ports: ['8080:80/udp'] }, seen).spec).toBeDefined();
  });

  it('addresses: inside the range, free, and not the gateway', () => {
    const vpc = make('VPC', 'main', { cidrBlock: '10.1.0.0/24' });
    const seen = view(vpc, make('Instance', 'a', { image: 'x', vpc: 'main', privateIp: '10.1.0.9' }, view(vpc)));
    const at = (privateIp: string) =>
      causes(() => make('Instance', 'b', { image: 'x', vpc: 'main', privateIp }, seen))[0];
    expect(at('10.1.0.9')).toMatch(/held by Instance default\/a/);
    expect(at('10.1.0.1')).toMatch(/gateway address/);
    expect(at('10.1.1.9')).toMatch(/not an address of 10.1.0.0\/24/);
  });

  it('an internal VPC publishes no ports', () => {
    const seen = view(make('VPC', 'inner', { cidrBlock: '10.1.0.0/24', internetGateway: false }));
    expect(causes(() => make('Instance', 'b', { image: 'x', vpc: 'inner', ports: ['80'] }, seen))[0]).toMatch(
      /has no internet gateway/,
    );
  });

  it('immutable fields say what to do instead', () => {
    const vpc = make('VPC', 'main', { cidrBlock: '10.1.0.0/16' });
    const moved = { ...raw('VPC', 'main', { cidrBlock: '10.2.0.0/16' }) };
    expect(causes(() => replace(KINDS.must('VPC'), moved, vpc, view(vpc), context()))[0]).toMatch(
      /^spec.cidrBlock: .*make a VPC with another name/,
    );
    const web = make('Instance', 'web', { image: 'x', vpc: 'main' });
    expect(
      causes(() =>
        patch(KINDS.must('Instance'), { type: 'merge', body: { spec: { vpc: 'other' } } }, web, view(web), context()),
      )[0],
    ).toMatch(/^spec.vpc: an instance cannot move/);
  });
});

describe('writes', () => {
  const kind = KINDS.must('Instance');

  it('creation fills defaults, sets our finalizer and generation 1', () => {
    const made = make('Instance', 'web', { image: 'x' });
    expect(made.metadata).toMatchObject({ generation: 1, finalizers: [FINALIZER], namespace: 'default' });
    expect(made.spec).toMatchObject({
      vpc: 'default',
      powerState: 'Running',
      restartPolicy: 'Always',
      logs: { maxSize: '10m', maxFiles: 3 },
    });
  });

  it('generation counts changes of the spec alone', () => {
    const made = make('Instance', 'web', { image: 'x' });
    const labelled = patch(
      kind,
      { type: 'merge', body: { metadata: { labels: { a: 'b' } } } },
      made,
      view(made),
      context(),
    );
    expect(labelled.metadata.generation).toBe(1);
    const changed = patch(
      kind,
      { type: 'json', body: [{ op: 'replace', path: '/spec/image', value: 'y' }] },
      labelled,
      view(labelled),
      context(),
    );
    expect(changed.metadata.generation).toBe(2);
    expect(patch(kind, { type: 'merge', body: { spec: { image: 'y' } } }, changed, view(changed), context())).toBe(
      changed,
    );
  });

  it('no client takes our finalizer away (I14)', () => {
    const made = make('Instance', 'web', { image: 'x' });
    const replaced = replace(kind, raw('Instance', 'web', { image: 'y' }), made, view(made), context());
    expect(replaced.metadata.finalizers).toEqual([FINALIZER]);
    const patched = patch(
      kind,
      { type: 'merge', body: { metadata: { finalizers: null } } },
      replaced,
      view(replaced),
      context(),
    );
    expect(patched.metadata.finalizers).toEqual([FINALIZER]);
  });

  it('applying twice changes nothing, and a line taken away takes its field away (I6)', () => {
    const apply = (old: Resource | undefined, spec: object, manager = 'git') =>
      applyDocument(kind, raw('Instance', 'web', spec), old, view(...(old ? [old] : [])), {
        ...context({ manager }),
        force: false,
      });
    const one = apply(undefined, { image: 'x', user: 'nobody' });
    expect(apply(one, { image: 'x', user: 'nobody' })).toBe(one);
    const two = apply(one, { image: 'x' });
    expect(two.spec).not.toHaveProperty('user');
    expect(refusal(() => apply(two, { image: 'z' }, 'person')).message).toMatch(/conflict with "git".*\.spec\.image/);
  });

  it('stale writes and recreated objects are refused', () => {
    const made = { ...make('Instance', 'web', { image: 'x' }) };
    const stale = { ...raw('Instance', 'web', { image: 'y' }), metadata: { name: 'web', resourceVersion: '999' } };
    expect(refusal(() => replace(kind, stale, made, view(made), context())).reason).toBe('Conflict');
    expect(refusal(() => remove(kind, made, { preconditions: { uid: 'other' } }, new Date(), view(made))).reason).toBe(
      'Conflict',
    );
  });

  it('deletion marks, and goes only with the last finalizer; deleting again changes nothing', () => {
    const made = make('Instance', 'web', { image: 'x' });
    const left = remove(kind, made, {}, new Date('2026-01-02T00:00:00Z'), view(made));
    if (!('put' in left)) throw new Error('it was removed at once');
    expect(left.put.metadata.deletionTimestamp).toBe('2026-01-02T00:00:00Z');
    expect(remove(kind, left.put, {}, new Date('2026-01-03T00:00:00Z'), view(left.put))).toEqual({ put: left.put });
  });
});
