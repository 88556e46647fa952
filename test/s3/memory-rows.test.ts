import { randomUUID } from 'node:crypto';
import { MemoryRows } from '../../src/s3/memory-rows.ts';
import { rowsContract } from './rows-contract.ts';

rowsContract('rows of objects in memory', async () => ({
  rows: new MemoryRows(() => new Date()),
  bucket: async (name) => ({ uid: randomUUID(), name }),
  close: async () => undefined,
}));
