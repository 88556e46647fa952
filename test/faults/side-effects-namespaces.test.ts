import { NAMESPACE_SCENARIOS } from '../kinds/namespace/scenarios.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(NAMESPACE_SCENARIOS);
