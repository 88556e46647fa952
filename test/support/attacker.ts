import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import type { Cloud } from './cloud.ts';

const SCRIPT = new URL('raw-syn.pl', import.meta.url);
const PERL = 'exec /usr/lib/*/ld-linux-*.so.* /usr/bin/perl /raw-syn.pl "$@"';

/** What the daemon must allow for it. */
export const ATTACKER_ENV = { MINIAWS_ALLOW_HOST_PATH: '/usr' };

export interface Target {
  /** Who gets the frame. */
  neighbour: string;
  address: string;
  port: number;
}

/** Of an instance that may open raw sockets. The image has no program for them: it runs the host's Perl. */
export const attacker = async (cloud: Cloud, vpc: string) => ({
  image: cloud.image,
  stopGracePeriod: '0s',
  vpc,
  capabilities: { add: ['NET_RAW'] },
  volumes: [{ hostPath: '/usr', mountPath: '/usr', readOnly: true }],
  files: [{ path: '/raw-syn.pl', content: await readFile(SCRIPT, 'utf8') }],
});

/** What frames of its own making reach: a line `ADDRESS:PORT open` each. */
export async function knockRaw(cloud: Cloud, from: string, targets: readonly Target[]): Promise<string> {
  const own = (await cloud.instance(from)).status?.privateIp ?? '';
  const ends = targets.map((t) => `${t.neighbour},${t.address},${t.port}`);
  const raw = await cloud.exec(from, 'sh', '-c', PERL, 'sh', own, ...ends);
  expect(raw).toMatchObject({ exitCode: 0, stderr: '' });
  return raw.stdout;
}
