import { beforeEach, describe, expect, it } from 'vitest';
import { PassError } from '../../../src/base/errors.ts';
import { HostMetadataAccess } from '../../../src/drivers/docker/metadata-access.ts';
import { ManualClock } from '../../../src/proof/manual-clock.ts';

const idOf = (n: number): string => String(n).padStart(64, '0').split('').reverse().join('');
const bridgeOf = (id: string): string => `br-${id.slice(0, 12)}`;

/** Bridges with a rule on the host. */
let host: Set<string>;
let runs: number;
let failure: PassError | undefined;
const tools = {
  run: (_script: string, { OPEN = '', CLOSED = '' }: Readonly<Record<string, string>>) => {
    runs += 1;
    if (failure) return Promise.reject(failure);
    if (OPEN === 'all') host.clear();
    for (const bridge of OPEN.split(' ')) host.delete(bridge);
    for (const bridge of CLOSED.split(' ')) if (bridge !== '') host.add(bridge);
    return Promise.resolve([...host].map((bridge) => `-A PREROUTING -i ${bridge} -p tcp -j DROP\n`).join(''));
  },
};

let clock: ManualClock;
let access: HostMetadataAccess;
beforeEach(() => {
  host = new Set();
  runs = 0;
  failure = undefined;
  clock = new ManualClock();
  access = new HostMetadataAccess(tools, clock, 'test');
});

describe('what is known of the firewall of the Engine’s host', () => {
  it('is nothing before a look, and then believed for ten minutes', async () => {
    expect(access.of(idOf(1)).state).toBe('unobservable');
    await access.look();
    await Promise.all([access.look(), access.look()]);
    expect(runs).toBe(1);
    expect(access.of(idOf(1))).toEqual({ state: 'present', value: 'open' });
    await access.set(idOf(1), 'closed');
    host.clear();
    await clock.advance(599_000);
    await access.look();
    expect(access.of(idOf(1))).toEqual({ state: 'present', value: 'closed' });
    await clock.advance(1_000);
    await access.look();
    expect(access.of(idOf(1))).toEqual({ state: 'present', value: 'open' });
  });

  it('is looked at anew after an outage of the Engine', async () => {
    await access.look();
    access.forget();
    expect(access.of(idOf(1)).state).toBe('unobservable');
    await access.look();
    expect(runs).toBe(2);
  });

  it('is one look for those who ask together, and one run for what they change', async () => {
    await Promise.all([access.look(), access.look(), access.look()]);
    expect(runs).toBe(1);
    const ids = Array.from({ length: 100 }, (_, n) => idOf(n));
    await Promise.all(ids.map((id) => access.set(id, 'closed')));
    expect(runs).toBe(2);
    expect(host).toEqual(new Set(ids.map(bridgeOf)));
  });

  it('says why the host cannot be looked at, and tries again a minute later', async () => {
    failure = new PassError('EngineError', 'sh: iptables: not found');
    await access.set(idOf(1), 'closed');
    expect(access.of(idOf(1))).toMatchObject({
      state: 'unobservable',
      why: expect.stringMatching(/iptables: not found/),
    });
    failure = undefined;
    await access.look();
    expect(runs).toBe(1);
    await clock.advance(60_000);
    await access.look();
    expect(access.of(idOf(1))).toEqual({ state: 'present', value: 'open' });
    failure = new PassError('EngineUnavailable', 'gone');
    await expect(access.set(idOf(1), 'closed')).rejects.toBe(failure);
  });
});
