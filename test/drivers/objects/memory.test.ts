import { systemClock } from '../../../src/base/clock.ts';
import { MemoryBytes } from '../../../src/drivers/objects/memory.ts';
import { bytesContract } from './contract.ts';

bytesContract('bytes in memory', async () => ({ bytes: new MemoryBytes(systemClock), close: async () => undefined }));
