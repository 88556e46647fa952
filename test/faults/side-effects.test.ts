import { BURSTS, INSTANCE_SCENARIOS } from '../kinds/instance/scenarios.ts';
import { VPC_SCENARIOS } from '../kinds/vpc/scenarios.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault([...VPC_SCENARIOS, ...INSTANCE_SCENARIOS], { bursts: BURSTS });
