import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { CgroupFiles } from '../../../src/drivers/docker/cgroup-files.ts';
import {
  parseBlkio,
  parseIoStat,
  parseLimit,
  parseMembership,
  parseMounts,
  parseNetDev,
  workingSet,
} from '../../../src/drivers/docker/cgroup.ts';
import { usageOf } from '../../../src/drivers/docker/engine-stats.ts';

const ID = 'b3dd3b73370cdefe4434d466bed0dd2c67bb8db8ace32fc298ced6608bab7543';

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     999       0    0    0    0     0          0         0      999       0    0    0    0     0       0          0
  eth0:      90       1    0    0    0     0          0         0       40       1    0    0    0     0       0          0
  eth1:1000000000       1    0    0    0     0          0         0        2       0    0    0    0     0       0          0
`;

describe('accounting files', () => {
  it.each<[string, number | undefined]>([
    ['67108864\n', 67108864],
    ['max\n', undefined],
    ['9223372036854771712\n', undefined],
    ['', undefined],
    ['-1\n', undefined],
  ])('a limit of %j', (text, expected) => expect(parseLimit(text)).toBe(expected));

  it.each<[string, string, string, number | undefined]>([
    ['1000\n', 'inactive_file 7\ntotal_inactive_file 300\n', 'total_inactive_file', 700],
    ['1000\n', 'anon 5\nfile 20\ninactive_file 300\n', 'inactive_file', 700],
    ['100\n', 'inactive_file 300\n', 'inactive_file', 100],
    ['100\n', '', 'inactive_file', 100],
    ['', 'inactive_file 1\n', 'inactive_file', undefined],
  ])('a working set of %j', (usage, stat, field, expected) => expect(workingSet(usage, stat, field)).toBe(expected));

  it('block devices of both versions', () => {
    const v1 = '8:0 Read 4096\n8:0 Write 10\n8:0 Sync 0\n8:0 Total 4106\n8:16 Read 4\n8:16 Write 0\nTotal 4110\n';
    expect(parseBlkio(v1)).toEqual({ read: 4100, written: 10 });
    expect(parseBlkio('Total 0\n')).toEqual({ read: 0, written: 0 });
    expect(parseBlkio(undefined)).toBeUndefined();
    const v2 =
      '8:0 rbytes=4096 wbytes=10 rios=1 wios=1 dbytes=77 dios=1\n8:16 rbytes=4 wbytes=0 rios=1 wios=0\n259:0 \n';
    expect(parseIoStat(v2)).toEqual({ read: 4100, written: 10 });
    expect(parseIoStat('')).toEqual({ read: 0, written: 0 });
  });

  it('interfaces, without the loopback', () => {
    expect(parseNetDev(NET_DEV)).toEqual({ received: 1000000090, sent: 42 });
    expect(parseNetDev('')).toBeUndefined();
  });

  it('where a process is accounted, and where that is to be seen', () => {
    expect(parseMembership(`2:cpu,cpuacct:/docker/${ID}\n0::/a:b\n\n`)).toEqual(
      new Map([
        ['cpu', `/docker/${ID}`],
        ['cpuacct', `/docker/${ID}`],
        ['', '/a:b'],
      ]),
    );
    const mounts = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 /inner /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
35 31 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
`;
    expect(parseMounts(mounts).get('cpuacct')).toEqual({ point: '/sys/fs/cgroup/cpu,cpuacct', root: '/' });
    expect(parseMounts(mounts).get('memory')).toEqual({ point: '/sys/fs/cgroup/memory', root: '/inner' });
    expect(parseMounts(mounts).get('')).toEqual({ point: '/sys/fs/cgroup/unified', root: '/' });
  });
});

const V1 = { 'cpu,cpuacct': 'cpuacct.usage', memory: 'memory.usage_in_bytes' };

/** A machine's /proc and /sys, as far as the meter looks at them. */
async function machine(files: (root: string) => Record<string, string>): Promise<CgroupFiles> {
  const root = await mkdtemp(join(tmpdir(), 'miniaws-cgroup-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [path, text] of Object.entries(files(root))) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return new CgroupFiles(join(root, 'proc'));
}

const v1Mounts = (root: string) =>
  ['cpu,cpuacct', 'memory', 'blkio']
    .map((c) => `33 31 0:30 / ${root}/sys/${c} rw,relatime - cgroup cgroup rw,${c}`)
    .concat(`35 31 0:32 / ${root}/sys/unified rw - cgroup2 cgroup2 rw`)
    .join('\n');
const v2Mounts = (root: string) => `30 23 0:26 / ${root}/sys rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n`;

const v1Files = (path: string): Record<string, string> => ({
  [`sys/cpu,cpuacct/${path}/${V1['cpu,cpuacct']}`]: '24925845\n',
  [`sys/memory/${path}/${V1.memory}`]: '610304\n',
  [`sys/memory/${path}/memory.limit_in_bytes`]: '67108864\n',
  [`sys/memory/${path}/memory.stat`]: 'cache 1\ninactive_file 9\ntotal_inactive_file 10304\n',
  [`sys/blkio/${path}/blkio.throttle.io_service_bytes`]: '8:0 Read 5\n8:0 Write 6\nTotal 11\n',
});
const v2Files = (path: string): Record<string, string> => ({
  [`sys/${path}/cpu.stat`]: 'usage_usec 24925\nuser_usec 1\nsystem_usec 2\n',
  [`sys/${path}/memory.current`]: '610304\n',
  [`sys/${path}/memory.max`]: 'max\n',
  [`sys/${path}/memory.stat`]: 'anon 1\ninactive_file 10304\n',
  [`sys/${path}/io.stat`]: '8:0 rbytes=5 wbytes=6 rios=1 wios=1 dbytes=0 dios=0\n',
});
const V1_SEEN = { cpuNanoseconds: 24925845, memoryBytes: 600000, memoryLimitBytes: 67108864 };
const V2_SEEN = { cpuNanoseconds: 24925000, memoryBytes: 600000 };
const NETWORK = { networkReceivedBytes: 1000000090, networkSentBytes: 42 };
const BLOCK = { blockReadBytes: 5, blockWrittenBytes: 6 };

describe('a container is found', () => {
  const membership = (path: string) => ({
    v1: `4:memory:${path}\n3:blkio:${path}\n2:cpu,cpuacct:${path}\n0::${path}\n`,
    v2: `0::${path}\n`,
  });

  it.each<[string, 'v1' | 'v2', string, string, object]>([
    ['version 1, by its process', 'v1', `/kubepods/x/${ID}`, `kubepods/x/${ID}`, { ...V1_SEEN, ...NETWORK }],
    ['version 1, by cgroupfs', 'v1', '/somebody-else', `docker/${ID}`, V1_SEEN],
    ['version 1, by systemd', 'v1', '/somebody-else', `system.slice/docker-${ID}.scope`, V1_SEEN],
    [
      'version 2, by its process',
      'v2',
      `/user.slice/docker-${ID}.scope`,
      `user.slice/docker-${ID}.scope`,
      { ...V2_SEEN, ...NETWORK },
    ],
    ['version 2, by cgroupfs', 'v2', '/somebody-else', `docker/${ID}`, V2_SEEN],
    ['version 2, by systemd', 'v2', '/somebody-else', `system.slice/docker-${ID}.scope`, V2_SEEN],
  ])('%s', async (_what, version, path, folder, expected) => {
    const files = await machine((root) => ({
      'proc/self/mountinfo': version === 'v1' ? v1Mounts(root) : v2Mounts(root),
      'proc/77/cgroup': membership(path)[version],
      'proc/77/net/dev': NET_DEV,
      ...(version === 'v1' ? v1Files(folder) : v2Files(folder)),
    }));
    const account = files.find(ID, 77);
    const { at: _at, monotonicMs: _monotonicMs, ...usage } = files.read(account!, systemClock)!;
    expect(usage).toEqual({ ...expected, ...BLOCK });
  });

  it('nowhere: it runs on another machine', async () => {
    const files = await machine((root) => ({ 'proc/self/mountinfo': v2Mounts(root), 'proc/77/cgroup': '0::/else\n' }));
    expect(files.find(ID, 77)).toBeUndefined();
    expect((await machine(() => ({}))).find(ID, 77)).toBeUndefined();
  });

  it('and is gone: nothing is told of it', async () => {
    let folder = '';
    const files = await machine((root) => {
      folder = root;
      return {
        'proc/self/mountinfo': v2Mounts(root),
        'proc/77/cgroup': `0::/docker/${ID}\n`,
        ...v2Files(`docker/${ID}`),
      };
    });
    const account = files.find(ID, 77)!;
    expect(files.read(account, systemClock)).toMatchObject(V2_SEEN);
    await rm(join(folder, 'sys'), { recursive: true });
    expect(files.read(account, systemClock)).toBeUndefined();
    expect(files.find(ID, 77)).toBeUndefined();
  });
});

describe("the Engine's own answer", () => {
  const v1 = {
    cpu_stats: { cpu_usage: { total_usage: 24925845 } },
    memory_stats: { usage: 610304, stats: { inactive_file: 9, total_inactive_file: 10304 }, limit: 67108864 },
    networks: { eth0: { rx_bytes: 90, tx_bytes: 40 }, eth1: { rx_bytes: 1000000000, tx_bytes: 2 } },
    blkio_stats: {
      io_service_bytes_recursive: [
        { op: 'Read', value: 5 },
        { op: 'write', value: 6 },
        { op: 'Total', value: 11 },
      ],
    },
  };

  it('says the same as the files', () => {
    const { at: _at, monotonicMs: _monotonicMs, ...usage } = usageOf(v1, systemClock)!;
    const { memoryLimitBytes: _limit, ...seen } = V1_SEEN;
    expect(usage).toEqual({ ...seen, ...NETWORK, ...BLOCK });
  });

  it.each([
    ['does not run', { cpu_stats: { cpu_usage: { total_usage: 0 } }, memory_stats: {} }],
    ['is nothing', {}],
  ])('of what %s is nothing', (_what, stats) => expect(usageOf(stats, systemClock)).toBeUndefined());

  it('leaves out what it does not know', () => {
    const bare = { ...v1, networks: undefined, blkio_stats: { io_service_bytes_recursive: null } };
    expect(usageOf(bare, systemClock)).not.toHaveProperty('networkSentBytes');
    expect(usageOf(bare, systemClock)).not.toHaveProperty('blockReadBytes');
  });
});
