import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScalingPolicy } from '../../../src/kinds/scaling-group/policies-schema.ts';
import { recommendationOf, stabilizedCount, evaluatePolicy } from '../../../src/kinds/scaling-group/recommendation.ts';
import type { Past, Reading } from '../../../src/kinds/scaling-group/recommendation.ts';

const tracking = (target: number, more: Partial<ScalingPolicy> = {}): ScalingPolicy => ({
  name: 'load',
  type: 'TargetTracking',
  metric: 'cpu',
  target,
  adjustmentType: 'ChangeInCapacity',
  steps: [],
  disableScaleIn: false,
  ...more,
});
const stepping = (steps: ScalingPolicy['steps'], more: Partial<ScalingPolicy> = {}): ScalingPolicy => {
  const { target: _, ...rest } = tracking(1);
  return { ...rest, type: 'Step', steps, ...more };
};
/** Numbers are ready instances with that value, `?` a ready one of which nothing is known, `-` one that is not ready. */
const read = (text: string): Reading[] =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) =>
      word === '-' ? { ready: false } : word === '?' ? { ready: true } : { ready: true, value: Number(word) },
    );

describe('target tracking', () => {
  it.each<[string, string, number, number | undefined, Partial<ScalingPolicy>?]>([
    ['at the target', '50 50', 2, 2],
    ['10 % above', '55 55', 2, 2],
    ['11 % above', '56 55.5', 2, 3],
    ['9 % below', '46 46 46', 3, 3],
    ['twice the target', '100 100', 2, 4],
    ['a fifth of the target', '10 10 10 10 10', 5, 1],
    ['nothing is known', '? -', 2, undefined],
    ['no instance', '', 2, undefined],
    ['one not ready: it will take a share', '100 100 -', 3, 4],
    ['so many not ready that the load is shared by them', '100 - -', 3, 3],
    ['not ready ones do not keep from scaling in', '10 10 -', 3, 1],
    ['a silent one counts as 0 when scaling out', '100 ?', 2, 2],
    ['a silent one counts as full when scaling in', '10 10 10 ?', 4, 3],
    ['a silent one that turns the direction holds', '20 ?', 2, 2],
    ['scaling in may be switched off', '10 10', 2, 2, { disableScaleIn: true }],
    ['more instances than the count, at the load of a roll', '45 45 40 40', 3, 3],
    ['fewer instances than the count, all busy', '60', 5, 5],
    [
      'requests: a silent one counts as at its target when scaling in',
      '1 1 1 ?',
      4,
      2,
      { metric: 'requestsPerTarget' },
    ],
  ])('%s', (_what, readings, current, count, more) => {
    expect(evaluatePolicy(tracking(50, more), read(readings), current).count).toBe(count);
  });

  it('says what it saw', () => {
    expect(evaluatePolicy(tracking(50), read('91.24 91.24'), 2).why).toBe('load: cpu is at 91.2 %, target 50 %');
    expect(evaluatePolicy(tracking(50), [], 2).why).toBe('load: nothing is known of cpu');
  });

  it('more load never gives fewer, and what is not known never scales in', () => {
    const reading = fc.record({
      ready: fc.boolean(),
      value: fc.option(fc.double({ min: 0, max: 400, noNaN: true }), { nil: undefined }),
    });
    const readings = fc.array(reading, { maxLength: 8 });
    const plain = (list: { ready: boolean; value: number | undefined }[]): Reading[] =>
      list.map(({ ready, value }) => (value === undefined ? { ready } : { ready, value }));
    fc.assert(
      fc.property(
        readings,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 100 }),
        (list, current, target) => {
          const low = evaluatePolicy(tracking(target), plain(list), current).count;
          const more = list.map((r) => (r.value === undefined ? r : { ...r, value: r.value * 1.5 }));
          const high = evaluatePolicy(tracking(target), plain(more), current).count;
          if (low === undefined || high === undefined) {
            expect(high).toBe(low);
            return;
          }
          expect(high).toBeGreaterThanOrEqual(low);
          // As many as are known to be needed are never taken away for what the others do not say.
          const silent = [...plain(list), { ready: true }];
          expect(evaluatePolicy(tracking(target), silent, current).count ?? low).toBeGreaterThanOrEqual(
            Math.min(low, current),
          );
        },
      ),
    );
  });
});

describe('step policies', () => {
  const steps = [
    { upperBound: 20, adjustment: -1 },
    { lowerBound: 70, upperBound: 90, adjustment: 1 },
    { lowerBound: 90, adjustment: 3 },
  ];
  it.each<[string, string, number, number | undefined]>([
    ['where no step is', '50', 4, undefined],
    ['at a lower bound', '70 70', 4, 5],
    ['just below an upper bound', '89.9', 4, 5],
    ['at an upper bound, the next', '90', 4, 7],
    ['low', '19', 4, 3],
    ['a silent one may be busy', '10 ?', 4, 4],
    ['one that is not ready will help', '80 -', 4, 4],
  ])('%s', (_what, readings, current, count) => {
    expect(evaluatePolicy(stepping(steps), read(readings), current).count).toBe(count);
  });

  it.each<[ScalingPolicy['adjustmentType'], number, number, number]>([
    ['PercentChangeInCapacity', 50, 5, 7],
    ['PercentChangeInCapacity', 10, 3, 4],
    ['PercentChangeInCapacity', -10, 3, 2],
    ['PercentChangeInCapacity', 0, 3, 3],
    ['ExactCapacity', 9, 3, 9],
    ['ChangeInCapacity', -2, 3, 1],
  ])('%s of %i on %i is %i', (adjustmentType, adjustment, current, count) => {
    const policy = stepping([{ lowerBound: 0, adjustment }], { adjustmentType });
    expect(evaluatePolicy(policy, read('1'), current).count).toBe(count);
  });
});

describe('several policies', () => {
  const wanted = (policy: string, count?: number) =>
    count === undefined ? { policy, why: 'silence' } : { policy, count, value: 1, why: 'load' };
  it('the largest decides; a silent one holds scaling in, and lets scaling out be', () => {
    expect(recommendationOf([wanted('a', 3), wanted('b', 5)], 4)).toMatchObject({ policy: 'b', count: 5 });
    expect(recommendationOf([wanted('a', 2), wanted('b', 3)], 4)).toMatchObject({ policy: 'b', count: 3 });
    expect(recommendationOf([wanted('a', 2), wanted('b')], 4)).toMatchObject({ count: 4 });
    expect(recommendationOf([wanted('a', 6), wanted('b')], 4)).toMatchObject({ policy: 'a', count: 6 });
    expect(recommendationOf([wanted('b')], 4)).toEqual({ held: 'silence' });
  });
});

describe('the count that it comes to', () => {
  const past = (...list: [seconds: number, recommended: number, desired: number][]): Past[] =>
    list.map(([seconds, recommended, desired]) => ({ ageMs: seconds * 1000, recommended, desired }));
  it.each<[string, number, number, Past[], object]>([
    ['out at once', 6, 4, past([15, 4, 4]), { count: 6 }],
    ['at most double', 30, 9, past([15, 9, 9]), { count: 18, limit: 'rate' }],
    ['at most 4 more, of a small one', 30, 1, past([15, 1, 1]), { count: 5, limit: 'rate' }],
    ['the limit counts what the period has brought', 30, 5, past([10, 5, 1], [20, 1, 1]), { count: 5, limit: 'rate' }],
    ['not above the maximum', 30, 18, past([15, 18, 18]), { count: 20, limit: 'max' }],
    ['in, to the highest of the window', 2, 8, past([290, 5, 8], [310, 8, 8]), { count: 5, limit: 'window' }],
    ['in, never above what is', 2, 4, past([100, 9, 4]), { count: 4, limit: 'window' }],
    ['in, once the window has passed', 3, 8, past([301, 8, 8], [200, 3, 8]), { count: 3 }],
    ['not below the minimum', 1, 4, past([200, 1, 4]), { count: 2, limit: 'min' }],
    ['as it is', 4, 4, past([15, 4, 4]), { count: 4 }],
  ])('%s', (_what, recommended, current, history, expected) => {
    expect(stabilizedCount(recommended, current, history, { minInstances: 2, maxInstances: 20 })).toEqual(expected);
  });
});
