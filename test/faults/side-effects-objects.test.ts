import { FILE_TAMPERING } from '../../src/proof/faults.ts';
import { OBJECT_SCENARIOS } from '../kinds/object/scenarios.ts';
import { proveEveryFault } from './support/every-fault.ts';

proveEveryFault(OBJECT_SCENARIOS, { tampering: FILE_TAMPERING });
