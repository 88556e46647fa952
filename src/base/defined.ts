type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The same without the fields that are `undefined`. */
export const definedOnly = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;

/** Empty and absent mean the same. */
export const orNothing = <T extends object>(value: T | undefined): T | undefined =>
  value === undefined || Object.keys(value).length === 0 ? undefined : value;

/** False and absent mean the same. */
export const ifTrue = (value: boolean | undefined): true | undefined => (value ? true : undefined);
