/**
 * Runs `run` for each item, a few at a time, and reads no further ahead. After a failure it starts no more, waits for those that run, and
 * throws the failure.
 */
export async function fewAtATime<T>(
  few: number,
  items: Iterable<T> | AsyncIterable<T>,
  run: (item: T) => Promise<void>,
): Promise<void> {
  const coming = oneByOne(items);
  const failures: unknown[] = [];
  const work = async () => {
    while (failures.length === 0) {
      const next = await coming.next();
      if (next.done) return;
      await run(next.value);
    }
  };
  await Promise.all(Array.from({ length: few }, () => work().catch((error: unknown) => failures.push(error))));
  await coming.return(undefined);
  if (failures.length > 0) throw failures[0];
}

/** An async generator queues calls of `next`, so that several workers may read it. */
async function* oneByOne<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** 1, 2, … up to the last. */
export function* numbersTo(last: number): Generator<number> {
  for (let number = 1; number <= last; number++) yield number;
}
