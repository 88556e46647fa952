import { randomFrom } from '../../src/proof/random.ts';
import { seedOf } from './random.ts';

/** Long proofs are run in full by `npm run prove`; `npm test` samples them. */
const IN_FULL = process.env['PROVE'] === 'full';

/** How many there are of what a test makes up by itself: `few`, or `all` when proven in full. */
export const runs = (few: number, all: number): number => (IN_FULL ? all : few);

/**
 * As many as `few` of what a proof goes through, in their order, or all when it is proven in full. Which ones is by a
 * seed that is printed; `PROVE_SEED=…` takes the same again.
 */
export function sampled<T>(what: string, all: readonly T[], few: number): readonly T[] {
  if (IN_FULL || all.length <= few) return all;
  const seed = seedOf('PROVE_SEED');
  process.stdout.write(`${what}: ${few} of ${all.length}, PROVE_SEED=${seed}\n`);
  const random = randomFrom(seed);
  const drawn = all.map((one, i) => ({ one, i, lot: random() })).sort((a, b) => a.lot - b.lot);
  return drawn
    .slice(0, few)
    .sort((a, b) => a.i - b.i)
    .map(({ one }) => one);
}
