import type { Container } from '../../drivers/compute.ts';
import {
  CREATION_DEFAULTS,
  DEFAULT_PIDS_LIMIT,
  ENGINE_CAPABILITIES,
  SAFE_CAPABILITIES,
} from '../shared/creation-defaults.ts';
import type { InstanceSpec } from './types.ts';

/** What root inside has: the safe ones without those that are dropped, and those that are added. */
export const capabilitiesOf = (spec: InstanceSpec): string[] => capabilitiesFrom(SAFE_CAPABILITIES, spec);

/** What is dropped is dropped from the usual ones; what is added stays. So does the Engine read it (`TweakCapabilities`). */
function capabilitiesFrom(usual: readonly string[], { capabilities: { add = [], drop = [] } = {} }: InstanceSpec) {
  const kept = drop.includes('ALL') ? [] : usual.filter((name) => !drop.includes(name));
  return [...new Set([...kept, ...add])];
}

/** What a container that is made now for this specification would have otherwise than this one, which an earlier release made. */
export function recreateChanges(spec: InstanceSpec, container: Container): string[] {
  if (container.defaults === CREATION_DEFAULTS) return [];
  const wanted = capabilitiesOf(spec);
  const lost = capabilitiesFrom(ENGINE_CAPABILITIES, spec).filter((name) => !wanted.includes(name));
  return [
    ...(lost.length > 0 ? [`root inside it would be without ${lost.join(', ')} (capabilities.add keeps them)`] : []),
    ...(spec.pidsLimit === undefined
      ? [`it would have at most ${DEFAULT_PIDS_LIMIT} processes (pidsLimit sets another limit)`]
      : []),
  ];
}
