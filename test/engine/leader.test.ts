import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { Leadership } from '../../src/engine/leader.ts';
import type { Term } from '../../src/engine/leader.ts';
import { MemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts';
import { ManualClock } from '../../src/proof/manual-clock.ts';

/** A candidate on a clock of its own (its process may stand still) over a shared database (whose time goes on). */
async function candidate(database: MemoryDatabase, name: string, clock: ManualClock) {
  const store = await openMemoryStore(database, KINDS);
  const leader = new Leadership(store.leases, name, clock, silentLog);
  const terms: Term[] = [];
  leader.start(
    () => true,
    (term) => {
      terms.push(term);
      return new Promise((resolve) => term.signal.addEventListener('abort', () => resolve()));
    },
  );
  onTestFinished(async () => {
    await leader.stop();
    await store.close();
  });
  return { leader, terms };
}

const step = async (clocks: readonly ManualClock[], ms: number) => {
  for (let i = 0; i < ms; i += 100) for (const clock of clocks) await clock.advance(100);
};

describe('leadership (I9)', () => {
  it('one of two leads; when it dies the other leads within 3 s, with a later epoch', async () => {
    const [time, a, b] = [new ManualClock(), new ManualClock(), new ManualClock()];
    const database = new MemoryDatabase(time);
    const first = await candidate(database, 'a', a);
    await step([time, a], 600);
    const second = await candidate(database, 'b', b);
    await step([time, a, b], 3_000);
    expect([first.leader.isLeading(), second.leader.isLeading()]).toEqual([true, false]);
    await step([time, b], 2_900); // a stands still
    expect(second.leader.isLeading()).toBe(true);
    expect(second.leader.epoch).toBeGreaterThan(first.terms[0]?.epoch ?? 0);
  });

  it('one that stood still past its lease finds out before it acts again, and its term is ended (F9)', async () => {
    const [time, a, b] = [new ManualClock(), new ManualClock(), new ManualClock()];
    const database = new MemoryDatabase(time);
    const first = await candidate(database, 'a', a);
    await step([time, a], 600);
    const second = await candidate(database, 'b', b);
    await step([time, b], 5_000);
    // The monotonic clock goes on while a process is stopped: the first thing that it sees is that time has passed.
    await a.advance(5_000);
    expect(() => first.leader.check()).toThrow(/no longer leads/);
    await step([time, a, b], 600);
    expect(first.terms[0]?.signal.aborted).toBe(true);
    expect([first.leader.isLeading(), second.leader.isLeading()]).toEqual([false, true]);
  });

  it('one that stops in order hands over at once', async () => {
    const time = new ManualClock();
    const database = new MemoryDatabase(time);
    const first = await candidate(database, 'a', time);
    await step([time], 600);
    const second = await candidate(database, 'b', time);
    await step([time], 600);
    expect(first.leader.isLeading()).toBe(true);
    await first.leader.stop();
    await time.advance(1);
    expect(second.leader.isLeading()).toBe(true);
  });
});

describe('a term that fails', () => {
  it('is followed by another of the same daemon: a leader never sits idle', async () => {
    const time = new ManualClock();
    const store = await openMemoryStore(new MemoryDatabase(time), KINDS);
    const leader = new Leadership(store.leases, 'a', time, silentLog);
    let terms = 0;
    leader.start(
      () => true,
      async (term) => {
        if (++terms === 1) throw new Error('the database went away');
        await new Promise<void>((resolve) => term.signal.addEventListener('abort', () => resolve()));
      },
    );
    await step([time], 1_200);
    expect([terms, leader.isLeading()]).toEqual([2, true]);
    await leader.stop();
    await store.close();
  });
});
