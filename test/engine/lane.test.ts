import { describe, expect, it } from 'vitest';
import type { Trigger } from '../../src/api/records.ts';
import { silentLog } from '../../src/base/log.ts';
import { Lane } from '../../src/engine/lane.ts';
import type { Attended, UnderWay } from '../../src/engine/lane.ts';
import { breathe, ManualClock } from '../../src/proof/manual-clock.ts';

const because: Trigger = { type: 'spec', detail: 'test' };

function lane(clock: ManualClock, handle: (key: string) => Promise<Attended>, underWay: UnderWay = new Map()) {
  const made = new Lane({ clock, log: silentLog, random: () => 0, underWay, handle });
  return { queue: made.queue, ended: made.run(1) };
}

describe('a lane', () => {
  it('a key whose worker has left it to itself is handed out again only at its end (I9)', async () => {
    const clock = new ManualClock();
    const begun: string[] = [];
    let end = (): void => undefined;
    const hanging = new Promise<Attended>((resolve) => (end = () => resolve({})));
    const { queue } = lane(clock, (key) => (begun.push(key), begun.length === 1 ? hanging : Promise.resolve({})));
    queue.add('hangs', because);
    queue.add('next', because);
    await breathe();
    await clock.advance(10_000);
    queue.add('hangs', because);
    await clock.advance(10_000);
    expect(begun).toEqual(['hangs', 'next']);
    end();
    await breathe();
    expect(begun).toEqual(['hangs', 'next', 'hangs']);
  });

  it.each<[string, (unfinished: Promise<void>) => Promise<Attended>]>([
    ['a pass', async (unfinished) => (await unfinished, {})],
    ['a step', (unfinished) => Promise.resolve({ unfinished })],
  ])('%s that outlasts its term has its key to itself in the next one (I9)', async (_, hang) => {
    const clock = new ManualClock();
    const underWay: UnderWay = new Map();
    let end = (): void => undefined;
    const first = lane(clock, () => hang(new Promise<void>((resolve) => (end = resolve))), underWay);
    first.queue.add('a', because);
    await breathe();
    await clock.advance(10_000);
    first.queue.close();
    await first.ended;
    const begun: string[] = [];
    const second = lane(clock, (key) => (begun.push(key), Promise.resolve({})), underWay);
    second.queue.add('a', because);
    second.queue.add('b', because);
    await clock.advance(10_000);
    expect(begun).toEqual(['b']);
    end();
    await breathe();
    expect(begun).toEqual(['b', 'a']);
    expect(underWay.size).toBe(0);
  });

  it('a key that cannot be worked on is tried again, later each time, and holds up no other', async () => {
    const clock = new ManualClock();
    const begun: string[] = [];
    const { queue } = lane(
      clock,
      (key) => (begun.push(key), key === 'bad' ? Promise.reject(new Error('no')) : Promise.resolve({})),
    );
    queue.add('bad', because);
    queue.add('good', because);
    await breathe();
    await clock.advance(800);
    expect(begun).toEqual(['bad', 'good', 'bad', 'bad']);
  });
});
