import type { PolicyRule } from '../../api/access.ts';
import type { Role } from '../../api/roles.ts';
import type { Resource } from '../../api/metadata.ts';

interface ApiKeySpec {
  /** A person or a machine; the name of the key when left out. */
  userId: string;
  role?: Role;
  /** Where the role holds; left out: everywhere. */
  namespaces?: readonly string[];
  rules?: readonly PolicyRule[];
  /** RFC 3339. */
  expiresAt?: string;
  /** Addresses and ranges. */
  allowedFrom?: readonly string[];
}

/** One that was given out; the token itself is nowhere. */
export interface IssuedToken {
  /** Of the whole token, hexadecimal. */
  sha256: string;
  issuedAt: string;
  /** Of one that was rotated: when it stops working. */
  expiresAt?: string;
}

export interface ApiKeyStatus {
  /** The newest last. */
  tokens?: readonly IssuedToken[];
  /** The token itself: answered to who makes the key, once, and never stored. */
  token?: string;
  /** Answered on read. */
  lastUsed?: string;
}

export type ApiKey = Resource<ApiKeySpec, ApiKeyStatus>;

export const isApiKey = (r: Resource): r is ApiKey => r.kind === 'ApiKey';

/** Of a time of day: whether it has come. */
export const isPast = (time: string | undefined, now: Date): boolean =>
  time !== undefined && Date.parse(time) <= now.getTime();
