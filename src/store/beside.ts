import type { Clock } from '../base/clock.ts';
import type { Pool } from './pool.ts';

/** A store beside the documents, over the same database: what its owner keeps in tables of its own. */
export interface SideStore<T> {
  postgres: (pool: Pool, clock: Clock) => T;
  memory: (clock: Clock) => T;
}

/** Answers the same one each time. */
export type Beside = <T>(side: SideStore<T>) => T;

export function besideOf(open: Beside): Beside {
  const opened = new Map<SideStore<unknown>, unknown>();
  return <T>(side: SideStore<T>): T => {
    if (!opened.has(side)) opened.set(side, open(side));
    return opened.get(side) as T;
  };
}
