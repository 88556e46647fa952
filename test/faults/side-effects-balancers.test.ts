import { BALANCED_GROUP_SCENARIOS, BALANCER_SCENARIOS } from '../kinds/load-balancer/scenarios.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(BALANCER_SCENARIOS, { composed: BALANCED_GROUP_SCENARIOS });
