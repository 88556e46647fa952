/** Documents that one decision under the revision's lock writes or deletes at most: others write, too. */
const MOST_AT_ONCE = 1_000;

/** In their order, each small enough for one decision. */
export const inParts = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / MOST_AT_ONCE) }, (_, i) =>
    all.slice(i * MOST_AT_ONCE, (i + 1) * MOST_AT_ONCE),
  );
