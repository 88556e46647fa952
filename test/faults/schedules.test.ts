import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { World } from '../../src/proof/world.ts';
import { runsOfEach, seeds } from '../support/prove.ts';
import { events, Schedule } from './schedule.ts';

/** With each seed. `SCHEDULES=100000` makes more, `SEED=…` others, `REPLAY=…` with it repeats what fast-check printed. */
const RUNS = Number(process.env['SCHEDULES'] ?? runsOfEach(1_000));

const run = (schedule: Parameters<Schedule['run']>[0]) => new Schedule(new World()).run(schedule);

describe('random schedules of writes, tampering, outages, crashes and time', () => {
  it.each(seeds())(
    `I1, I2, I3, I4, I8, I14: ${RUNS} of seed %i end in a world that equals the specs, and is quiet`,
    { timeout: 1_200_000 },
    async (seed) => {
      await fc.assert(
        fc.asyncProperty(events, async (schedule) => {
          expect(await run(schedule)).toEqual([]);
        }),
        { numRuns: RUNS, seed, ...(process.env['REPLAY'] ? { path: process.env['REPLAY'] } : {}) },
      );
    },
  );

  it('found: a commit whose answer was lost left its inventory row behind for ever', async () => {
    const found = await run([
      { do: 'apply', name: 'a', spec: { image: 'app:1', powerState: 'Stopped' }, by: 'person' },
      { do: 'fault', at: 3, row: 'its answer is lost (ECONNRESET)' },
      { do: 'delete', name: 'a' },
      { do: 'wait', ms: 0 },
      { do: 'fault', at: 1, row: 'dies before' },
    ]);
    expect(found).toEqual([]);
  });

  it('found: an instance retries for a port that is held by one whose VPC is being deleted, until that is resolved', async () => {
    const found = await run([
      { do: 'apply', name: 'b', spec: { image: 'app:1', ports: ['8080:80'] }, by: 'git' },
      { do: 'wait', ms: 1_000 },
      { do: 'delete VPC' },
      { do: 'apply', name: 'b', spec: { image: 'app:1' }, by: 'git' },
      { do: 'apply', name: 'a', spec: { image: 'app:1', ports: ['8080:80'] }, by: 'person' },
      { do: 'wait', ms: 5_000 },
    ]);
    expect(found).toEqual([]);
  });

  it('found: a call that was slow outlived its leader, and made a container for a document that the next one had deleted', async () => {
    const found = await run([
      { do: 'apply', name: 'a', spec: { image: 'app:1' }, by: 'person' },
      { do: 'apply', name: 'c', spec: { image: 'app:1' }, by: 'person' },
      { do: 'fault', at: 5, row: 'is slow' },
      { do: 'delete', name: 'c' },
      { do: 'apply', name: 'a', spec: { image: 'app:1' }, by: 'person' },
      { do: 'another daemon' },
      { do: 'apply', name: 'a', spec: { image: 'app:1' }, by: 'person' },
    ]);
    expect(found).toEqual([]);
  });

  it('found: a pass that saw the past wrote the inventory row of a document that was gone', async () => {
    const found = await run([
      { do: 'fault', at: 2, row: 'the view is late for 5 s' },
      { do: 'apply', name: 'b', spec: { image: 'app:1', powerState: 'Stopped' }, by: 'person' },
      { do: 'delete', name: 'b' },
      { do: 'wait', ms: 0 },
    ]);
    expect(found).toEqual([]);
  });
});
