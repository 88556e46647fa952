import { StatusError } from '../../base/errors.ts';
import type { ObjectBytes } from './bytes.ts';

/** In place of bytes that are somewhere else: nothing is put, nothing is read, and nothing is thought to be gone. */
export function bytesElsewhere(why: string): ObjectBytes {
  const refuse = () => Promise.reject(new StatusError('ServiceUnavailable', why));
  return {
    put: refuse,
    get: refuse,
    look: refuse,
    delete: refuse,
    // oxlint-disable-next-line require-yield -- it has nothing to give
    async *list() {
      await refuse();
    },
    sweep: refuse,
    outage: () => Promise.resolve(why),
  };
}
