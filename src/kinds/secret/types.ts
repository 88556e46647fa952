import type { Resource } from '../../api/metadata.ts';

/** `data` has bytes in base64. */
export type Secret = Resource & {
  data?: Readonly<Record<string, string>>;
  type?: string;
  immutable?: boolean;
};

export const isSecret = (r: Resource): r is Secret => r.kind === 'Secret';
