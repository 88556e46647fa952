import { createHash } from 'node:crypto';
import { seedOf } from './random.ts';

/** Long proofs are run in full by `npm run prove`; `npm test` takes a share of them, and `npm run test:quick` a small one. */
const IN_FULL = process.env['PROVE'] === 'full';
const QUICK = process.env['PROVE'] === 'quick';
/** Any ten commits in a row take everything. */
const SHARES = QUICK ? 100 : 10;
/** Of what is random from end to end: each share has one of its own. */
const SEEDS = Array.from({ length: 10 }, (_, i) => 20_261_120 + i);

/** How many there are of what a test makes up by itself: `few`, or `all` when proven in full. */
export const runs = (few: number, all: number): number => (IN_FULL ? all : few);

/** How many there are of what is made up with each of the `seeds`. */
export const runsOfEach = (few: number): number => (QUICK ? Math.ceil(few / 10) : few);

/** From 0 to 1, always the same for the same words, and not in any order. */
const lotOf = (words: string): number => createHash('sha256').update(words).digest().readUInt32BE(0) / 2 ** 32;

/**
 * A tenth of what a proof goes through, in its order, or all when it is proven in full; none where there are few. Which
 * tenth is by the commit, and printed; `PROVE_SEED=…` takes the same again.
 */
export function sampled<T>(what: string, all: readonly T[]): readonly T[] {
  if (IN_FULL) return all;
  const seed = seedOf('PROVE_SEED');
  const order = all.map((_, i) => i).sort((a, b) => lotOf(`${what} ${a}`) - lotOf(`${what} ${b}`));
  const place = new Map(order.map((i, at) => [i, at]));
  const first = Math.floor(lotOf(what) * SHARES) + seed;
  const share = all.filter((_, i) => ((place.get(i) ?? 0) + first) % SHARES === 0);
  process.stdout.write(`${what}: ${share.length} of ${all.length}, PROVE_SEED=${seed}\n`);
  return share;
}

/** The ten seeds in full, else the one of them that is this commit's. `SEED=…` takes that one. */
export function seeds(): readonly number[] {
  if (process.env['SEED']) return [Number(process.env['SEED'])];
  return IN_FULL ? SEEDS : SEEDS.slice(seedOf('PROVE_SEED') % SEEDS.length).slice(0, 1);
}
