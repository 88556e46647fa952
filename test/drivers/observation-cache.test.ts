import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Network } from '../../src/drivers/compute.ts';
import { ObservationCache } from '../../src/drivers/observation-cache.ts';

const network = (id: string, gateway = ''): Network => ({
  id,
  name: id,
  owner: { uid: `uid-${id}`, kind: 'VPC', namespace: 'default', name: id, generation: 1 },
  cidrBlock: '10.213.0.0/24',
  gateway,
  internal: false,
});

describe('ObservationCache', () => {
  it('I4: whatever the order in which looks end, the one begun last is believed', () => {
    const looks = fc.array(fc.record({ present: fc.boolean(), endsAt: fc.nat(100) }), { minLength: 1 });
    fc.assert(
      fc.property(looks, (all) => {
        const cache = new ObservationCache();
        cache.outage = undefined;
        const begun = all.map((look) => ({ ...look, ticket: cache.ticket() }));
        for (const look of begun.toSorted((a, b) => a.endsAt - b.endsAt)) {
          if (look.present) cache.networks.put(network('n', String(look.ticket)), look.ticket);
          else cache.networks.remove('n', look.ticket);
        }
        const last = begun.at(-1);
        const expected = last?.present ? [network('n', String(last.ticket))] : undefined;
        const seen = cache.networksOf('uid-n');
        expect(seen.state === 'present' ? seen.value : undefined).toEqual(expected);
      }),
    );
  });

  it('what a list does not show is removed, but not what was made after the list began', () => {
    const cache = new ObservationCache();
    cache.networks.put(network('old'), cache.ticket());
    const list = cache.ticket();
    cache.networks.put(network('new'), cache.ticket());
    expect(cache.networks.removeUnlisted(new Set(), list).map((n) => n.id)).toEqual(['old']);
    expect([...cache.networks.values()].map((n) => n.id)).toEqual(['new']);
  });

  it('one of which nothing but the owner was known is told of when it is gone', () => {
    const cache = new ObservationCache();
    const { owner } = network('n');
    cache.networks.silence('n', owner, 'it does not answer', cache.ticket());
    cache.networks.silence('unlisted', owner, 'it does not answer', cache.ticket());
    expect(cache.networks.remove('n', cache.ticket())).toBe(owner);
    expect(cache.networks.removeUnlisted(new Set(), cache.ticket())).toEqual([{ id: 'unlisted', owner }]);
    expect(cache.networks.silenceOf(owner.uid)).toBeUndefined();
    expect(cache.networks.remove('n', cache.ticket())).toBeUndefined();
  });

  it('says whether anything changed, so that echoes can be silent', () => {
    const cache = new ObservationCache();
    expect(cache.networks.put(network('n'), cache.ticket())).toBe(true);
    expect(cache.networks.put(network('n'), cache.ticket())).toBe(false);
    expect(cache.networks.put(network('n', 'other'), cache.ticket())).toBe(true);
  });

  it('an event is left to a call that looks later, waits for one that looks now, and is looked at otherwise', () => {
    const cache = new ObservationCache();
    const looks: string[] = [];
    const heard = (word: string) => cache.heard(['id', 'name'], () => looks.push(word));
    const [one, two] = [cache.hold('id'), cache.hold('id')];
    one.looking();
    heard('two will look');
    two.looking();
    heard('after both');
    one.release();
    expect(looks).toEqual([]);
    two.release();
    two.release();
    heard('at once');
    expect(looks).toEqual(['after both', 'at once']);
  });
});
