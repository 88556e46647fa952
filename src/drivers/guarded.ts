import type { Compute } from './compute.ts';

/** The calls of `Compute` that change the world. */
export const MUTATING: ReadonlySet<string> = new Set<keyof Compute>([
  'createNetwork',
  'removeNetwork',
  'closeMetadataAccess',
  'openMetadataAccess',
  'createContainer',
  'startContainer',
  'stopContainer',
  'unpauseContainer',
  'renameContainer',
  'updateContainer',
  'connectContainer',
  'disconnectContainer',
  'removeContainer',
  'writeFiles',
  'replaceFiles',
  'pullImage',
  'ensureVolume',
  'removeVolume',
  'importImage',
  'removeImage',
  'releaseImage',
]);

/** The same driver, but that each of these calls is made by `around`, which is given its name, what it is about and the call itself. */
export function intercepted<Driver extends object>(
  driver: Driver,
  calls: ReadonlySet<string>,
  around: (name: string, args: readonly unknown[], act: () => Promise<unknown>) => Promise<unknown>,
): Driver {
  return new Proxy(driver, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      const bound = member.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (!calls.has(String(property))) return bound;
      return (...args: unknown[]) => around(String(property), args, () => bound(...args));
    },
  });
}

/** The same driver with `check` before every call that changes the world: a passed leader's calls end there. */
export const guarded = <Driver extends object>(
  driver: Driver,
  mutating: ReadonlySet<string>,
  check: () => void,
): Driver =>
  intercepted(driver, mutating, async (_name, _args, act) => {
    check();
    return act();
  });
