import type { Store } from '../../src/store/store.ts';

/** Several daemons over one database. */
export interface StoreSubject {
  open: () => Promise<Store>;
  close: () => Promise<void>;
}
