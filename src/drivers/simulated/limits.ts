import { definedOnly } from '../../base/defined.ts';
import { memorySwapOf } from '../container-settings.ts';
import type { Limits } from '../container-settings.ts';

/** The limits among other things, as the Engine tells them: no process limit is none at all. */
export const limitsOf = (of: Limits): Limits =>
  definedOnly({
    cpus: of.cpus,
    memoryBytes: of.memoryBytes,
    memoryReservationBytes: of.memoryReservationBytes,
    memorySwapBytes: memorySwapOf(of),
    cpuSet: of.cpuSet,
    pidsLimit: of.pidsLimit || undefined,
  });
