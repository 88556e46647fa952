/**
 * Runs all that come, a few at a time, and asks for no more of them than these. After a failure none is begun any more, those that have
 * begun are waited for, and it is thrown.
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

/** Of which more than one may ask for the next. */
async function* oneByOne<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** From 1. */
export function* numbersTo(last: number): Generator<number> {
  for (let number = 1; number <= last; number++) yield number;
}
