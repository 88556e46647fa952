import { StatusError } from '../../src/base/errors.ts';

/** What a request is refused with; anything else that is thrown is thrown on. None: it was accepted. */
export function refusalOf(act: () => unknown): StatusError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
}

/** Its message; empty when it was accepted. */
export const refusal = (act: () => unknown): string => refusalOf(act)?.message ?? '';

/** Its causes, as `field: message`; none when it was accepted. */
export const causesOf = (act: () => unknown): string[] =>
  (refusalOf(act)?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
