/**
 * What a look at the world found. "Could not look" is not "is not there" (I4): the compiler makes every plan say
 * what it does in each of the three cases, and nothing is created or deleted on `unobservable`.
 */
export type Observed<T> =
  | { readonly state: 'present'; readonly value: T }
  | { readonly state: 'absent' }
  | { readonly state: 'unobservable'; readonly why: string };

export const present = <T>(value: T): Observed<T> => ({ state: 'present', value });
export const absent: Observed<never> = { state: 'absent' };
export const unobservable = (why: string): Observed<never> => ({ state: 'unobservable', why });

/** The value when it is present; `undefined` both for absent and for unobservable: only for display and hints. */
export const valueOf = <T>(observed: Observed<T>): T | undefined =>
  observed.state === 'present' ? observed.value : undefined;
