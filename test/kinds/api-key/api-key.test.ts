import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import { StatusError } from '../../../src/base/errors.ts';
import { isMistyped, newToken } from '../../../src/base/token.ts';
import { isAddressRange, isWithin } from '../../../src/base/address-ranges.ts';
import { KEPT_MS, planApiKey, reportApiKey } from '../../../src/kinds/api-key/plan.ts';
import { issued, rotated, workingTokens } from '../../../src/kinds/api-key/tokens.ts';
import type { ApiKey, IssuedToken } from '../../../src/kinds/api-key/types.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { key } from './scenarios.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const at = (ms: number) => new Date(NOW.getTime() + ms).toISOString();
const token = (name: string, expiresAt?: string): IssuedToken => ({
  sha256: name,
  issuedAt: at(-1_000),
  ...(expiresAt === undefined ? {} : { expiresAt }),
});

function made(spec: object, tokens: readonly IssuedToken[] = [token('a')], metadata: object = {}): ApiKey {
  const document = {
    apiVersion: 'miniaws.dev/v1',
    kind: 'ApiKey',
    metadata: { name: 'ci', uid: '00000000-0000-4000-8000-000000000001', generation: 1, ...metadata },
    spec: { userId: 'ci', ...spec },
    status: { tokens },
  };
  return document as unknown as ApiKey;
}
const OBSERVED = { resources: new Set(['instances']) };
const plan = (one: ApiKey) => planApiKey(one, OBSERVED, NOW).map((step) => step.do);
const report = (one: ApiKey) => reportApiKey(one, OBSERVED, planApiKey(one, OBSERVED, NOW), NOW);
const ready = (one: ApiKey) => report(one).conditions.find(({ type }) => type === 'Ready')?.reason;

describe('the plan of a key', () => {
  it.each([
    ['one that is good', made({ role: 'view' }), [], 'Valid'],
    ['one that nobody was given', made({ role: 'view' }, []), [], 'NoToken'],
    ['one that will expire', made({ role: 'view', expiresAt: at(5_000) }), [], 'Valid'],
    ['one that has expired', made({ role: 'view', expiresAt: at(-5_000) }), [], 'Expired'],
    ['one that has expired long ago', made({ role: 'view', expiresAt: at(-KEPT_MS) }), ['delete'], 'Expired'],
    ['a rotated one', made({ role: 'view' }, [token('a', at(5_000)), token('b')]), [], 'Valid'],
    ['after its grace period', made({ role: 'view' }, [token('a', at(0)), token('b')]), ['forgetTokens'], 'Valid'],
    ['one that is deleted', made({ role: 'view' }, [], { deletionTimestamp: at(0) }), [], 'Revoked'],
  ] as const)('%s', (_, one, steps, reason) => {
    expect([plan(one), ready(one)]).toEqual([steps, reason]);
  });

  it('looks again when the next of its times comes', () => {
    expect(report(made({ role: 'view', expiresAt: at(5_000) })).outcome).toEqual({ is: 'reconciled', afterMs: 5_000 });
    expect(report(made({ role: 'view' }, [token('a', at(3_000)), token('b')])).outcome).toMatchObject({
      afterMs: 3_000,
    });
    expect(report(made({ role: 'view' })).outcome).toEqual({ is: 'reconciled' });
  });

  it('names what a rule means and there is not', () => {
    const rules = [{ verbs: ['get'], resources: ['instances/log', 'instance', '*/scale'] }];
    const degraded = report(made({ rules })).conditions.find(({ type }) => type === 'Degraded');
    expect([degraded?.reason, degraded?.message]).toEqual(['UnknownResource', expect.stringMatching(/^instance: /)]);
  });

  it('has a row with the newest hash, and the same user id for the same user', () => {
    const [a, b] = [report(made({})).inventory, report(made({}, [token('a'), token('b')])).inventory];
    expect([a, b]).toMatchObject([{ key: 'a' }, { key: 'b' }]);
    expect(a).toMatchObject({ userId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) });
    const uuid = '00000000-0000-4000-8000-00000000000a';
    expect(report(made({ userId: uuid })).inventory).toMatchObject({ userId: uuid });
  });
});

describe('tokens', () => {
  it('are never the same, and tell when they were copied wrongly', () => {
    const tokens = new Set(Array.from({ length: 100 }, newToken));
    expect(tokens.size).toBe(100);
    for (const one of tokens) {
      expect(isMistyped(one)).toBe(false);
      for (const place of [5, 20, 53]) {
        const other = one[place] === 'x' ? 'y' : 'x';
        expect(isMistyped(`${one.slice(0, place)}${other}${one.slice(place + 1)}`)).toBe(true);
      }
    }
    // One of a release before, or something else: it is looked for.
    expect([isMistyped('maws_abc'), isMistyped('')]).toEqual([false, false]);
  });

  it('of before work for the grace period, and never longer than they would have', () => {
    const first = made({}, [token('a', at(1_000)), token('b')]);
    const next = rotated(first, 60_000, NOW);
    const hash = issued(next.token, NOW).sha256;
    expect(next.key.status?.tokens?.map(({ sha256, expiresAt }) => [sha256, expiresAt])).toEqual([
      ['a', at(1_000)],
      ['b', '2026-03-01T12:01:00Z'],
      [hash, undefined],
    ]);
    expect(workingTokens(rotated(first, 0, NOW).key, NOW)).toHaveLength(1);
  });
});

describe('addresses', () => {
  it.each([
    ['10.1.2.3', ['10.0.0.0/8'], true],
    ['::ffff:10.1.2.3', ['10.0.0.0/8'], true],
    ['11.1.2.3', ['10.0.0.0/8'], false],
    ['10.1.2.3', ['10.1.2.3'], true],
    ['::1', ['::1', '10.0.0.0/8'], true],
    ['fd00::1', ['fd00::/16'], true],
    ['', ['0.0.0.0/0'], false],
  ] as const)('%s from %s: %s', (address, ranges, expected) => expect(isWithin(address, ranges)).toBe(expected));

  it.each(['10.0.0.0/33', '10.0.0', 'a', '::1/129', '10.0.0.0/8/8', '10.0.0.0/'])('%s is none', (text) =>
    expect(isAddressRange(text)).toBe(false),
  );
});

describe('keys at work', () => {
  let daemon: WorldDaemon;
  let world: World;
  beforeEach(async () => {
    world = new World();
    daemon = await world.start();
    onTestFinished(() => daemon.stop());
  });
  const live = (name: string) => daemon.get('ApiKey', name, '') as ApiKey | undefined;

  it('expire by themselves, and are deleted a week later', async () => {
    const expiresAt = new Date(world.clock.now().getTime() + 60_000).toISOString();
    await daemon.apply(key('brief', { role: 'view', expiresAt }));
    await daemon.settle(1_000);
    expect(findCondition(live('brief')!, 'Ready')?.reason).toBe('Valid');
    await world.clock.advance(61_000);
    expect(findCondition(live('brief')!, 'Ready')?.reason).toBe('Expired');
    await world.clock.advance(KEPT_MS);
    expect(live('brief')).toBeUndefined();
  });

  it('that say nothing of what they may do, or what cannot be, are refused with the place', async () => {
    const causes = async (spec: object) => {
      const error: unknown = await daemon.apply(key('x', spec)).catch((e: unknown) => e);
      return error instanceof StatusError ? error.causes.map(({ field }) => field) : error;
    };
    expect(await causes({})).toEqual(['spec.role']);
    expect(await causes({ rules: [{ verbs: ['get'], resources: ['a'] }], namespaces: ['shop'] })).toEqual([
      'spec.namespaces',
    ]);
    expect(await causes({ role: 'view', expiresAt: '2026-13-01T00:00:00Z' })).toEqual(['spec.expiresAt']);
    expect(await causes({ role: 'view', allowedFrom: ['10.0.0.0/8', 'home'] })).toEqual(['spec.allowedFrom[1]']);
    expect(await causes({ role: 'root' })).toEqual(['spec.role']);
  });
});
