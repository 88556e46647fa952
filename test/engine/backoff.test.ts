import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/engine/backoff.ts';

describe('back-off', () => {
  it('doubles from a quarter of a second to half a minute, and begins anew after a success', () => {
    const backoff = new Backoff(() => 0);
    expect(Array.from({ length: 9 }, () => backoff.next('a'))).toEqual([
      250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
    expect(backoff.next('b')).toBe(250);
    backoff.reset('a');
    expect(backoff.next('a')).toBe(250);
  });

  it('takes up to a quarter off, so that what failed together does not come back together', () => {
    const backoff = new Backoff(() => 1);
    expect(backoff.next('a')).toBe(188);
    expect(backoff.slowest()).toBe(22_500);
  });
});
