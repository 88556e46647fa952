import { BURSTS, INSTANCE_SCENARIOS } from './scenarios/instance.ts';
import { VPC_SCENARIOS } from './scenarios/vpc.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault([...VPC_SCENARIOS, ...INSTANCE_SCENARIOS], { bursts: BURSTS });
