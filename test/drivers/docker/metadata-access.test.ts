import { beforeEach, describe, expect, it } from 'vitest';
import { PassError } from '../../../src/base/errors.ts';
import { bridgePrefix, newBridgeName } from '../../../src/drivers/docker/bridges.ts';
import { HostMetadataAccess } from '../../../src/drivers/docker/metadata-access.ts';
import { ManualClock } from '../../../src/proof/manual-clock.ts';

const installation = 'test';
const ALL = `${bridgePrefix(installation)}+`;

/** Bridges with a rule on the host. */
let host: Set<string>;
let runs: number;
let failure: PassError | undefined;
let bridges: string[];
const tools = {
  run: (_call: string, _script: string, { ACCESS, BRIDGES = '' }: Readonly<Record<string, string>>) => {
    runs += 1;
    if (failure) return Promise.reject(failure);
    if (ACCESS === 'open') host.clear();
    if (ACCESS === 'closed') for (const bridge of BRIDGES.split(' ')) host.add(bridge);
    return Promise.resolve([...host].map((bridge) => `-A PREROUTING -i ${bridge} -p tcp -j DROP\n`).join(''));
  },
};

let clock: ManualClock;
let metadata: HostMetadataAccess;
beforeEach(() => {
  host = new Set();
  runs = 0;
  failure = undefined;
  bridges = [newBridgeName(installation)];
  clock = new ManualClock();
  metadata = new HostMetadataAccess({ tools, clock, installation, bridges: () => Promise.resolve(bridges) });
});
const open = { state: 'present', value: 'open' };
const closed = { state: 'present', value: 'closed' };

describe('what is known of the firewall of the Engine’s host', () => {
  it('is nothing before a look, and then believed for ten minutes', async () => {
    expect(metadata.access.state).toBe('unobservable');
    await metadata.look();
    await Promise.all([metadata.look(), metadata.look()]);
    expect(runs).toBe(1);
    expect(metadata.access).toEqual(open);
    await metadata.set('closed');
    host.clear();
    await clock.advance(599_000);
    await metadata.look();
    expect(metadata.access).toEqual(closed);
    await clock.advance(1_000);
    await metadata.look();
    expect(metadata.access).toEqual(open);
  });

  it('is looked at anew after an outage of the Engine', async () => {
    await metadata.look();
    metadata.forget();
    expect(metadata.access.state).toBe('unobservable');
    await metadata.look();
    expect(runs).toBe(2);
  });

  it('is one look for those who ask together, and one run for what they change', async () => {
    await Promise.all([metadata.look(), metadata.look(), metadata.look()]);
    expect(runs).toBe(1);
    await Promise.all(Array.from({ length: 100 }, () => metadata.set('closed')));
    await metadata.set('closed');
    expect(runs).toBe(2);
    expect([...host]).toEqual([ALL]);
  });

  it('is open while the bridge of a network from before has no rule of its own', async () => {
    host.add(ALL);
    bridges.push('br-0123456789ab');
    await metadata.look();
    expect(metadata.access).toEqual(open);
    await metadata.set('closed');
    expect(metadata.access).toEqual(closed);
    expect([...host]).toEqual([ALL, 'br-0123456789ab']);
    await metadata.set('open');
    expect([...host]).toEqual([]);
  });

  it('one run that hangs holds up nobody who comes later', async () => {
    const hung = new Promise<string>(() => undefined);
    const real = tools.run;
    let first = true;
    metadata = new HostMetadataAccess({
      tools: { run: (...args) => (first ? ((first = false), hung) : real(...args)) },
      clock,
      installation,
      bridges: () => Promise.resolve(bridges),
    });
    void metadata.set('closed');
    const others = [metadata.set('closed'), metadata.set('closed')];
    await clock.advance(5_000);
    await Promise.all(others);
    expect(metadata.access).toEqual(closed);
    expect(runs).toBe(1);
  });

  it('says why the host cannot be looked at, and tries again a minute later', async () => {
    failure = new PassError('EngineError', 'sh: iptables: not found');
    await metadata.set('closed');
    expect(metadata.access).toMatchObject({
      state: 'unobservable',
      why: expect.stringMatching(/iptables: not found/),
    });
    failure = undefined;
    await metadata.look();
    expect(runs).toBe(1);
    await clock.advance(60_000);
    await metadata.look();
    expect(metadata.access).toEqual(open);
  });

  it('while the Engine is out of reach it is not known, and looked at as soon as there is an answer', async () => {
    failure = new PassError('EngineUnavailable', 'gone');
    await expect(metadata.set('closed')).rejects.toBe(failure);
    await expect(metadata.look()).rejects.toBe(failure);
    failure = undefined;
    await metadata.look();
    expect(metadata.access).toEqual(open);
  });
});
