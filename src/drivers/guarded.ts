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

/** The same driver with `check` before every call that changes the world: a passed leader's calls end there. */
export function guarded<Driver extends object>(
  driver: Driver,
  mutating: ReadonlySet<string>,
  check: () => void,
): Driver {
  return new Proxy(driver, {
    get(target, property, receiver) {
      const member: unknown = Reflect.get(target, property, receiver);
      if (typeof member !== 'function') return member;
      if (!mutating.has(String(property))) return member.bind(target) as unknown;
      return async (...args: unknown[]) => {
        check();
        return (await member.apply(target, args)) as unknown;
      };
    },
  });
}
