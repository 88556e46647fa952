import type { Size } from '../../api/kind.ts';
import { sizeIn } from '../shared/size.ts';
import type { InstanceSpec } from './types.ts';

type Sized = Pick<InstanceSpec, 'resources'>;

/** How large its container may become. */
export const sizeOf = ({ resources }: Sized): Size => sizeIn(resources);

/** With limits where it has none. */
export function withSize<S extends Sized>(spec: S, { cpus, memory }: Size): S {
  const given = {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memory: String(memory) }),
  };
  return { ...spec, resources: { ...given, ...spec.resources } };
}
