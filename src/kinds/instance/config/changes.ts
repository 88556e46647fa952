import type { Container } from '../../../drivers/compute.ts';
import { isMember } from '../types.ts';
import type { ConfigStatus, Instance, OnChange } from '../types.ts';
import type { ResolvedConfig } from './resolve.ts';
import { itemWords, pathOf, useOfItem, usesOf } from './uses.ts';

/** A content that a container has, or has not, as it shall be now. */
export interface ConfigChange {
  item: string;
  /** Left out: it is gone. */
  digest?: string;
  /** Left out: a variable. */
  path?: string;
  onChange: OnChange;
  why: string;
}

type Digests = ConfigStatus['digests'];

/** As it was made, or as it was left when contents were replaced in it. */
export const heldDigests = ({ status }: Instance, container: Container): Digests =>
  status?.config?.containerId === container.id ? status.config.digests : (container.configDigests ?? {});

/** Nothing while anything is missing: the container goes on with what it has. */
export function changesOf(
  instance: Instance,
  container: Container,
  { missing, items }: ResolvedConfig,
): ConfigChange[] {
  if (missing.length > 0) return [];
  const held = heldDigests(instance, container);
  const names = [...new Set([...Object.keys(held), ...Object.keys(items)])];
  const uses = usesOf(instance.spec);
  return names.flatMap((item): ConfigChange[] => {
    const now = items[item];
    if (held[item] === now?.digest) return [];
    const use = useOfItem(item, uses);
    // Of one that the specification has no more, its hash tells.
    if (!use) return [];
    const path = pathOf(item);
    return [
      {
        item,
        onChange: use.onChange,
        why: `${itemWords(item, instance.metadata.namespace)} ${changeWords(held[item], now?.digest)}`,
        ...(now && { digest: now.digest }),
        ...(path !== undefined && { path }),
      },
    ];
  });
}

/** Its own way, or, where it belongs to a group, what the group does not do by its rollout. */
export const inPlace = (instance: Instance, { onChange }: ConfigChange): boolean =>
  onChange === 'Update' || typeof onChange === 'object' || (onChange === 'Restart' && !isMember(instance));

export const recreates = (instance: Instance, { onChange }: ConfigChange): boolean =>
  onChange === 'Recreate' && !isMember(instance);

const SHOWN = 6;

/** Which contents differ, in words. */
export const digestChanges = (before: Digests, now: Digests, namespace: string): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((item) => before[item] !== now[item])
    .map((item) => `${itemWords(item, namespace)} ${changeWords(before[item], now[item])}`);

/** Digests, not contents. */
function changeWords(before: string | undefined, now: string | undefined): string {
  if (before === undefined) return 'was added';
  if (now === undefined) return 'is gone';
  return before === '' ? 'was being replaced' : `changed (${before.slice(0, SHOWN)} → ${now.slice(0, SHOWN)})`;
}
