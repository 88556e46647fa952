import type { Objects } from './objects.ts';
import type { ObjectRow } from './row.ts';

/** Rows that are read from the database at a time. */
const PAGE = 100;

/** Every version in the bucket, delete markers too, by key, the newest of each first. Nothing is read ahead by more than a page. */
export async function* versionsOf({ rows }: Objects, bucket: string): AsyncGenerator<ObjectRow> {
  let [from, before]: [string, number | undefined] = ['', undefined];
  for (;;) {
    const page: readonly ObjectRow[] = await rows.versions(bucket, {
      from,
      until: null,
      most: PAGE,
      ...(before !== undefined && { before }),
    });
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    [from, before] = [last.key, last.sequence];
  }
}
