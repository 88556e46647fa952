import type { Size } from '../../api/kind.ts';
import { parseSize } from '../../base/quantity.ts';
import type { InstanceSpec } from './types.ts';

type Sized = Pick<InstanceSpec, 'resources'>;

/** How large its container may become. */
export function sizeOf({ resources }: Sized): Size {
  const { cpus, memory } = resources;
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memory: parseSize(memory) ?? 0 }),
  };
}

/** With limits where it has none. */
export function withSize<S extends Sized>(spec: S, { cpus, memory }: Size): S {
  const given = {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memory: String(memory) }),
  };
  return { ...spec, resources: { ...given, ...spec.resources } };
}
