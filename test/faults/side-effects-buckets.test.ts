import { BUCKET_SCENARIOS } from '../kinds/bucket/scenarios.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(BUCKET_SCENARIOS);
