import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { World } from '../../src/proof/world.ts';
import { events, Schedule } from './schedule.ts';

/** `npm run soak -- --minutes 60 [--seed N]`: random schedules for as long as one likes, each batch of another seed. */

/** Schedules of one seed: what is told, and repeated, at a time. */
const BATCH = 200;

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
const minutes = Number(values.minutes ?? 10);
const firstSeed = Number(values.seed ?? Date.now() % 2 ** 31);
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed)) {
  process.stderr.write('soak: --minutes is a number above 0, --seed a whole number\n');
  process.exit(2);
}

const until = performance.now() + minutes * 60_000;
let done = 0;
for (let seed = firstSeed; performance.now() < until; seed++) {
  const outcome = await fc.check(
    fc.asyncProperty(events, async (schedule) => {
      const found = await new Schedule(new World()).run(schedule);
      if (found.length > 0) throw new Error(found.join('\n'));
    }),
    { numRuns: BATCH, seed },
  );
  if (outcome.failed) {
    const wrong = outcome.errorInstance instanceof Error ? outcome.errorInstance.message : '';
    process.stderr.write(`${fc.defaultReportMessage(outcome)}\n${wrong}\n`);
    process.stderr.write(
      `soak: a schedule of seed ${seed} ends wrong. Repeat it: SCHEDULES=${BATCH} SEED=${seed} REPLAY=${outcome.counterexamplePath} npx vitest run test/faults/schedules.test.ts\n`,
    );
    process.exit(1);
  }
  done += BATCH;
  const left = Math.max(0, Math.round((until - performance.now()) / 1_000));
  const megabytes = Math.round(process.memoryUsage().rss / 2 ** 20);
  process.stderr.write(`soak: ${done} schedules, all right (seed ${seed}, ${megabytes} MB, ${left} s left)\n`);
}
