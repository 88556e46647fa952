import { GROUP_SCENARIOS } from '../kinds/scaling-group/scenarios.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(GROUP_SCENARIOS);
