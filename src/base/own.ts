/** An own member, never an inherited one such as `constructor`: names in requests are anybody's choice. */
export const own = <T>(object: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined;
