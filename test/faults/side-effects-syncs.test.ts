import { SYNC_SCENARIOS } from '../kinds/git-sync/scenarios.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(SYNC_SCENARIOS);
