import { newToken } from '../../base/token.ts';
import { sha256 } from '../../base/hash.ts';
import { timestamp } from '../../admission/admit.ts';
import { isPast } from './types.ts';
import type { ApiKey, IssuedToken } from './types.ts';

/** Tokens of one key that may work at once: the newest stay. */
const MOST = 16;

const tokensOf = ({ status }: ApiKey): readonly IssuedToken[] => status?.tokens ?? [];

export const workingTokens = (key: ApiKey, now: Date): readonly IssuedToken[] =>
  tokensOf(key).filter(({ expiresAt }) => !isPast(expiresAt, now));

/** Of one that was made somewhere else, or a new one. */
export const issued = (token: string, now: Date): IssuedToken => ({ sha256: sha256(token), issuedAt: timestamp(now) });

export const withTokens = (key: ApiKey, tokens: readonly IssuedToken[]): ApiKey => ({
  ...key,
  status: { ...key.status, tokens: tokens.slice(-MOST) },
});

/** A new token; those before it work for the grace period, in milliseconds. */
export function rotated(key: ApiKey, graceMs: number, now: Date): { key: ApiKey; token: string } {
  const token = newToken();
  const end = timestamp(new Date(now.getTime() + graceMs));
  const before = graceMs > 0 ? workingTokens(key, now) : [];
  const ending = before.map((each) => ({
    ...each,
    expiresAt: each.expiresAt !== undefined && each.expiresAt < end ? each.expiresAt : end,
  }));
  return { key: withTokens(key, [...ending, issued(token, now)]), token };
}

/** As it is answered to who gets the token: this once. */
export const withToken = (key: ApiKey, token: string): ApiKey => ({ ...key, status: { ...key.status, token } });
