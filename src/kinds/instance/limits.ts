import { definedOnly } from '../../base/defined.ts';
import { parseSize } from '../../base/quantity.ts';
import type { Container } from '../../drivers/compute.ts';
import { memorySwapOf } from '../../drivers/container-settings.ts';
import type { Limits } from '../../drivers/container-settings.ts';
import { DEFAULT_PIDS_LIMIT } from '../shared/creation-defaults.ts';
import type { InstanceSpec } from './types.ts';

/** The field of the specification behind each limit. */
const FIELD: Record<keyof Limits, string> = {
  cpus: 'resources.cpus',
  memoryBytes: 'resources.memory',
  memoryReservationBytes: 'memoryReservation',
  memorySwapBytes: 'memorySwap',
  cpuSet: 'cpuSet',
  pidsLimit: 'pidsLimit',
};
/** Those that the Engine (20.10) cannot lift from a living container: "none" is its word for "as it is". */
const NOT_LIFTED = ['cpus', 'memoryBytes', 'memoryReservationBytes', 'cpuSet'] as const;

/** The limits of a container, and which defaults it was made with. */
type Made = Limits & Pick<Container, 'defaults'>;

const bytes = (size: string | undefined): number | undefined => (size === undefined ? undefined : parseSize(size));

/** The limits that an instance asks for. */
export const limitsOf = (spec: InstanceSpec): Limits =>
  definedOnly({
    cpus: spec.resources.cpus,
    memoryBytes: bytes(spec.resources.memory),
    memoryReservationBytes: bytes(spec.memoryReservation),
    memorySwapBytes: bytes(spec.memorySwap),
    cpuSet: spec.cpuSet,
    pidsLimit: spec.pidsLimit,
  });

/** Why a container with these limits must be made anew; `undefined` when it can have the right ones in place. */
export function notLifted(spec: InstanceSpec, has: Limits): string | undefined {
  const wanted = limitsOf(spec);
  const limit = NOT_LIFTED.find((name) => has[name] !== undefined && wanted[name] === undefined);
  return limit && `spec.${FIELD[limit]} was taken away, and the Engine cannot lift a limit in place`;
}

/** What must be moved in place, and the fields behind it. */
export function limitChanges(spec: InstanceSpec, has: Made): { change: Limits; fields: string[] } {
  const wanted = withDefaults(limitsOf(spec), has);
  const names = (Object.keys(wanted) as (keyof Limits)[]).filter((name) => wanted[name] !== has[name]);
  const change: Limits = Object.fromEntries(names.map((name) => [name, wanted[name]]));
  const memory = 'memoryBytes' in change;
  const { memoryBytes, memorySwapBytes } = wanted;
  // The Engine takes each only together with the other.
  if (memory || 'memorySwapBytes' in change) Object.assign(change, definedOnly({ memoryBytes, memorySwapBytes }));
  const follows = memory && spec.memorySwap === undefined;
  const told = names.filter((name) => !(follows && name === 'memorySwapBytes'));
  return { change, fields: told.map((name) => FIELD[name].replace('resources.', '')) };
}

/**
 * What a limit that is not asked for should be where it can be told: processes as the container was made, and swap by
 * the Engine's rule. A container without one of the two is left: the Engine makes such ones where the kernel cannot
 * limit it.
 */
function withDefaults(wanted: Limits, has: Made): Limits {
  const swap = has.memorySwapBytes === undefined ? undefined : memorySwapOf(wanted);
  return {
    ...(swap !== undefined && { memorySwapBytes: swap }),
    ...(has.pidsLimit !== undefined && { pidsLimit: has.defaults === undefined ? 0 : DEFAULT_PIDS_LIMIT }),
    ...wanted,
  };
}
