import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { engine } from '../support/engine.ts';
import { call } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

const MIB = 2 ** 20;
const limits = {
  resources: { memory: '64Mi' },
  memoryReservation: '32Mi',
  memorySwap: '64Mi',
  cpuSet: '0',
  pidsLimit: 50,
};
const spec = {
  vpc: 'net',
  stopGracePeriod: '0s',
  ...limits,
  init: true,
  aliases: ['db.internal'],
  logs: { driver: 'local', maxSize: '1m', options: { compress: 'false' } },
  tty: true,
  stdin: true,
  stopSignal: 'SIGINT',
  hostname: 'other',
  extraHosts: { db: '10.1.1.1', host: 'host-gateway' },
  dns: { search: ['example.com'], options: ['ndots:2'], servers: ['10.1.1.2'] },
  groups: ['1234'],
  allowPrivilegeEscalation: true,
  capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
  readOnlyRootFilesystem: true,
  tmpfs: [{ mountPath: '/scratch', size: '1m', mode: '755' }],
  shmSize: '8Mi',
  sysctls: { 'net.core.somaxconn': '77', 'kernel.shmmax': '1000000' },
  ulimits: { nofile: { soft: 100, hard: 200 }, core: { soft: 0 } },
  oomScoreAdjust: 300,
  devices: [{ hostPath: '/dev/null', path: '/dev/nothing', permissions: 'rw' }],
  volumes: [{ name: 'fast', mountPath: '/fast', driverOptions: { type: 'tmpfs', o: 'size=2m' } }],
};

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start({ env: { MINIAWS_ALLOW_DEVICE: '/dev/null', MINIAWS_ALLOW_GPUS: 'yes' } });
  await cloud.apply(vpc('net', { cidrBlock: '10.214.65.0/24' }));
  await cloud.apply(instance('all', { image: cloud.image, ...spec }));
  await cloud.apply(
    instance('peer', { image: cloud.image, vpc: 'net', stopGracePeriod: '0s', logs: { driver: 'none' } }),
  );
  await cloud.ready('instances', 'all', 'peer');
});
afterAll(() => cloud?.close());

const inside = async (script: string) => (await cloud.exec('all', 'sh', '-c', script)).stdout.trim();

it('what a specification says of how a container is run is what the Engine has, and what the process sees', async () => {
  const { Config, HostConfig } = await cloud.container('all');
  expect(Config).toMatchObject({ Tty: true, OpenStdin: true, StopSignal: 'SIGINT', Hostname: 'other' });
  expect(HostConfig).toMatchObject({
    Init: true,
    ExtraHosts: ['db:10.1.1.1', 'host:host-gateway'],
    Dns: ['10.1.1.2'],
    DnsSearch: ['example.com'],
    DnsOptions: ['ndots:2'],
    GroupAdd: ['1234'],
    CapAdd: ['NET_BIND_SERVICE'],
    CapDrop: ['ALL'],
    ReadonlyRootfs: true,
    ShmSize: 8 * MIB,
    LogConfig: { Type: 'local', Config: { 'max-size': String(MIB), 'max-file': '3', compress: 'false' } },
    Sysctls: spec.sysctls,
    OomScoreAdj: 300,
    Memory: 64 * MIB,
    MemoryReservation: 32 * MIB,
    MemorySwap: 64 * MIB,
    CpusetCpus: '0',
    PidsLimit: 50,
  });
  expect(
    await inside(
      'hostname; cat /proc/1/comm /proc/1/oom_score_adj; grep -o "files *100 *200" /proc/1/limits | tr -s " "',
    ),
  ).toBe(['other', 'docker-init', '300', 'files 100 200'].join('\n'));
  expect(await inside('cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmax; id -G')).toBe('77\n1000000\n0 1234');
  expect(await inside('grep -E "CapBnd|Cpus_allowed_list" /proc/self/status')).toMatch(
    /0{13}400\nCpus_allowed_list:\t0$/,
  );
  expect(await inside('grep -E "NoNewPrivs|Seccomp:" /proc/self/status')).toBe('NoNewPrivs:\t0\nSeccomp:\t2');
  expect(
    await inside(
      'stat -c %a /scratch; touch /scratch/x /x 2>&1; df -k /dev/shm /scratch | tail -n 2; df -k /fast | tail -n 1',
    ),
  ).toMatch(/^755\ntouch: \/x: Read-only file system\nshm +8192 [^]*tmpfs +1024 [^]*tmpfs +2048 /);
  expect(await inside('ls -l /dev/nothing')).toMatch(/^crw.* 1, +3 /);
  expect(await inside('cat /etc/hosts /etc/resolv.conf')).toMatch(/10\.1\.1\.1\tdb[^]*search example\.com[^]*ndots:2/);
});

it('one that asks for nothing has the safe capabilities, no way to more, and a limit of processes', async () => {
  const { stdout } = await cloud.exec('peer', 'grep', '-E', 'CapBnd|CapEff|NoNewPrivs|Seccomp:', '/proc/self/status');
  // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT
  expect(stdout.trim().split(/\s+/)).toEqual([
    'CapEff:',
    '00000000000405fb',
    'CapBnd:',
    '00000000000405fb',
    'NoNewPrivs:',
    '1',
    'Seccomp:',
    '2',
  ]);
  expect((await cloud.container('peer')).HostConfig).toMatchObject({ PidsLimit: 4096, Privileged: false });
});

it('is found by its alias, and a log that is not kept is told of', async () => {
  const address = (await cloud.instance('all')).status?.privateIp;
  expect((await cloud.exec('peer', 'nslookup', 'db.internal')).stdout).toContain(address);
  const answer = await call(cloud.daemon, 'GET', `${pathOf('instances', 'peer')}/log`);
  expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('its logs.driver is none')]);
});

it('a GPU that the host does not have is a condition that says so', async () => {
  await cloud.apply(instance('gpu', { image: cloud.image, vpc: 'net', stopGracePeriod: '0s', gpus: { count: -1 } }));
  const said = await cloud.condition('instances', 'gpu', 'Ready', (c) => c.reason === 'StartFailed');
  expect(said.message).toContain('could not select device driver');
});

it('limits change in place, and what a person moved by hand is moved back', async () => {
  const before = await cloud.container('all');
  await cloud.patch('instances', 'all', {
    spec: {
      resources: { memory: '128Mi' },
      memorySwap: null,
      memoryReservation: '16Mi',
      cpuSet: '0-1',
      pidsLimit: null,
    },
  });
  await cloud.ready('instances', 'all');
  const moved = {
    Memory: 128 * MIB,
    MemorySwap: 256 * MIB,
    MemoryReservation: 16 * MIB,
    CpusetCpus: '0-1',
    PidsLimit: 4096,
  };
  const after = await cloud.container('all');
  expect([after.Id, after.State.StartedAt]).toEqual([before.Id, before.State.StartedAt]);
  expect(after.HostConfig).toMatchObject(moved);
  await engine
    .getContainer(after.Id)
    .update({ CpusetCpus: '1', PidsLimit: 20, Memory: 96 * MIB, MemorySwap: 96 * MIB });
  const limitsNow = async () => (await cloud.container('all')).HostConfig;
  await eventually('the limits to be back', async () => (await limitsNow()).CpusetCpus === '0-1');
  expect(await limitsNow()).toMatchObject(moved);
  expect((await cloud.container('all')).State.StartedAt).toBe(before.State.StartedAt);
});

it('a folder of a volume is mounted where the Engine can, and else it is said that it cannot', async () => {
  await cloud.apply(
    instance('part', {
      image: cloud.image,
      vpc: 'net',
      stopGracePeriod: '0s',
      volumes: [{ name: 'whole', subPath: 'a/b', mountPath: '/part' }],
    }),
  );
  const [, minor = 0] = ((await engine.version()) as { ApiVersion: string }).ApiVersion.split('.').map(Number);
  // In a volume that is new an Engine that can finds no such folder.
  const why = minor < 45 ? /volumes\[\]\.subPath needs Docker Engine 26 or later/ : /no such file or directory/;
  const ready = await cloud.condition('instances', 'part', 'Ready', ({ message }) => why.test(message));
  expect(ready.status).toBe('False');
  await cloud.remove('instances', 'part');
  await cloud.gone('instances', 'part');
});
