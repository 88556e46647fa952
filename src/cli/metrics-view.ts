import type { Ref } from '../api/metadata.ts';
import type { MetricsOptions } from './command.ts';
import { objectPath } from './objects.ts';
import type { Session } from './session.ts';

/** The time that points cover; each stands for so many seconds from its own on. */
export interface MetricsWindow {
  since: string;
  until: string;
  seconds: number;
}

/** Reads what is known of an object's time, and prints it: as JSON, or as a graph and a table. */
export async function showMetrics<T extends { points: readonly unknown[] }>(
  session: Session,
  ref: Ref,
  options: MetricsOptions,
  { graph, table }: { graph: (found: T) => readonly string[]; table: (found: T) => readonly string[] },
): Promise<void> {
  const query = { since: `${Math.round(options.since / 1_000)}s`, points: options.points };
  const found = await session.client.get<T>(objectPath(session.kinds, ref, 'metrics'), { query });
  if (options.output === 'json') return session.print(JSON.stringify(found, null, 2));
  if (found.points.length === 0)
    return session.tell(
      `Nothing is known of ${session.kinds.must(ref.kind).singular}/${ref.name} in this time: it did not run, or the daemon samples nothing (--metrics-interval)`,
    );
  if (options.headers) session.print([...graph(found), ''].join('\n'));
  session.print(table(found).join('\n'));
}

/** The time of a point, without what is below a second. */
export const timeOf = ({ time }: { time: string }): string => time.replace(/\.\d+Z$/, 'Z');

/** A value for each step of the window, so that what is not known is a gap and not left out. */
export function steps<P extends { time: string }>(
  { window, points }: { window: MetricsWindow; points: readonly P[] },
  valueOf: (point: P) => number | undefined,
): (number | undefined)[] {
  const [since, width] = [Date.parse(window.since), window.seconds * 1_000];
  const count = Math.max(1, Math.round((Date.parse(window.until) - since) / width));
  const values: (number | undefined)[] = Array.from({ length: count });
  for (const point of points) {
    const at = Math.floor((Date.parse(point.time) - since) / width);
    values[Math.min(Math.max(at, 0), count - 1)] = valueOf(point);
  }
  return values;
}
