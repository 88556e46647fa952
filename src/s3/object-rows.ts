import type { SideStore } from '../store/beside.ts';
import { MemoryRows } from './memory-rows.ts';
import { PostgresRows } from './postgres-rows.ts';
import type { ObjectRows } from './rows.ts';

/** The calls of rows that change something. */
export const MUTATING_ROWS: ReadonlySet<string> = new Set<keyof ObjectRows>(['change', 'close', 'forget']);

export const OBJECT_ROWS: SideStore<ObjectRows> = {
  postgres: (pool) => new PostgresRows(pool),
  memory: (clock) => new MemoryRows(() => clock.now()),
};
