import { GROUP_SCENARIOS } from './scenarios/scaling-group.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(GROUP_SCENARIOS);
