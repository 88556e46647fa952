import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import { describe, expect, it } from 'vitest';
import { fingerprint, toContainer } from '../../../src/drivers/docker/container-view.ts';

const owner = { uid: 'u', kind: 'Instance', namespace: 'default', name: 'web', generation: 1 };
const unknown = () => undefined;
const entry = (Status: string) => ({ State: 's', Names: ['/web'], Status, Ports: [] }) as unknown as ContainerInfo;

describe('fingerprint', () => {
  it.each([
    ['Up 5 seconds', 'Up About a minute'],
    ['Up 5 minutes (healthy)', 'Up 2 hours (healthy)'],
    ['Exited (137) 5 seconds ago', 'Exited (137) About an hour ago'],
    ['Exited (0) Less than a second ago', 'Exited (0) 2 weeks ago'],
    ['Restarting (1) 2 seconds ago', 'Restarting (1) 9 seconds ago'],
  ])('%s is as before: %s', (one, other) => {
    expect(fingerprint(entry(one))).toBe(fingerprint(entry(other)));
  });

  it.each([
    ['Up 5 minutes (healthy)', 'Up 5 minutes (unhealthy)'],
    ['Up 5 minutes', 'Up 5 minutes (Paused)'],
    ['Exited (0) 5 seconds ago', 'Exited (1) 5 seconds ago'],
    ['Created', 'Up 1 second'],
  ])('%s is not %s', (one, other) => {
    expect(fingerprint(entry(one))).not.toBe(fingerprint(entry(other)));
  });
});

describe('toContainer', () => {
  const inspect = (state: object, ports: object = {}) =>
    ({
      Id: 'c',
      Name: '/web',
      Image: 'sha256:1',
      RestartCount: 2,
      Config: { Labels: {} },
      HostConfig: { RestartPolicy: { Name: 'always' }, NanoCpus: 0, Memory: 0, NetworkMode: 'n' },
      NetworkSettings: {
        Ports: ports,
        Networks: { net: { NetworkID: '', IPAddress: '', IPAMConfig: { IPv4Address: '10.213.0.9' } } },
      },
      State: {
        StartedAt: '0001-01-01T00:00:00Z',
        FinishedAt: '0001-01-01T00:00:00Z',
        ExitCode: 0,
        Error: '',
        ...state,
      },
    }) as unknown as ContainerInspectInfo;

  it('knows no end before the first', () => {
    const container = toContainer(inspect({ Status: 'created' }), owner, undefined, unknown);
    expect(container).toMatchObject({ state: 'created', attachments: [{ networkId: 'n', address: '10.213.0.9' }] });
    expect(Object.keys(container)).not.toEqual(expect.arrayContaining(['exitCode']));
    expect(container).not.toHaveProperty('startedAt');
    expect(container).not.toHaveProperty('cpus');
  });

  it('keeps the exit status of the last end while it runs again', () => {
    const running = inspect({ Status: 'running', Running: true, FinishedAt: '2030-01-01T00:00:00Z' });
    expect(toContainer(running, owner, 3, unknown).exitCode).toBe(3);
    const restarting = { Status: 'restarting', Running: true, Restarting: true, ExitCode: 4 };
    expect(
      toContainer(inspect({ ...restarting, FinishedAt: '2030-01-01T00:00:00Z' }), owner, 3, unknown).exitCode,
    ).toBe(4);
  });

  it('says a port of every address once, and keeps addresses that were asked for', () => {
    const ports = {
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
      '53/udp': [{ HostIp: '127.0.0.1', HostPort: '5353' }],
      '443/tcp': null,
    };
    expect(toContainer(inspect({ Status: 'running' }, ports), owner, undefined, unknown).ports).toEqual([
      { hostAddress: '', hostPort: 8080, containerPort: 80, protocol: 'tcp' },
      { hostAddress: '127.0.0.1', hostPort: 5353, containerPort: 53, protocol: 'udp' },
    ]);
  });
});
