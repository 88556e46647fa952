import { KINDS } from '../../src/kinds/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { MemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { storeContract } from './contract.ts';

storeContract('the store in memory', async () => {
  const database = new MemoryDatabase(systemClock);
  const stores: Store[] = [];
  return {
    async open() {
      const store = await openMemoryStore(database, KINDS);
      stores.push(store);
      return store;
    },
    async close() {
      for (const store of stores) await store.close();
    },
  };
});
