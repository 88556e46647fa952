import type { Instance } from '../types.ts';
import type { OwnFields } from './template.ts';

/** What `${…}` stands for, beside the environment. */
export const ownFields = ({ metadata, status }: Instance): OwnFields => {
  const slot = slotOf(metadata.name);
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    address: status?.privateIp ?? '',
    ...(slot !== undefined && { slot }),
  };
};

/** The number at the end of its name: of a group's member, the slot. */
export const slotOf = (name: string): string | undefined => /-(\d+)$/.exec(name)?.[1];
