import { BALANCED_GROUP_SCENARIOS, BALANCER_SCENARIOS } from './scenarios/load-balancer.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(BALANCER_SCENARIOS, { composed: BALANCED_GROUP_SCENARIOS });
