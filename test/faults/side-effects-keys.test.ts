import { API_KEY_SCENARIOS } from '../kinds/api-key/scenarios.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(API_KEY_SCENARIOS);
