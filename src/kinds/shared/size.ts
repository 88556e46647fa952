import type { Size } from '../../api/kind.ts';
import { parseSize } from '../../base/quantity.ts';

/** A size as documents write it, in numbers. */
export const sizeIn = ({ cpus, memory }: { cpus?: number; memory?: string }): Size => ({
  ...(cpus === undefined ? {} : { cpus }),
  ...(memory === undefined ? {} : { memory: parseSize(memory) ?? 0 }),
});
