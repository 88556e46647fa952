import { createHash } from 'node:crypto';
import type { PolicyRule } from '../../api/access.ts';
import { UUID } from '../../base/uuid7.ts';
import type { InventoryRow } from '../../store/inventory.ts';
import type { Outcome, Report, Step } from '../../engine/contract.ts';
import { degraded, listed, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';
import { workingTokens } from './tokens.ts';
import { isPast } from './types.ts';
import type { ApiKey, ApiKeyStatus } from './types.ts';

/** Keys that have expired are kept for so long, for whoever wonders why one does not work. */
export const KEPT_MS = 7 * 24 * 3_600_000;
/** A timer may be no longer; the next look sets another. */
const LONGEST_LOOK_MS = 24 * 3_600_000;

export interface ApiKeyObserved {
  /** Plurals that rules may name. */
  resources: ReadonlySet<string>;
}

export type ApiKeyStep = Step & ({ do: 'forgetTokens' } | { do: 'delete' });

/** Pure: tokens whose time is over are forgotten, and in the end the key. */
export function planApiKey(key: ApiKey, _observed: ApiKeyObserved, now: Date): ApiKeyStep[] {
  const { metadata, spec, status } = key;
  if (metadata.deletionTimestamp !== undefined) return [];
  if (spec.expiresAt !== undefined && Date.parse(spec.expiresAt) + KEPT_MS <= now.getTime())
    return [{ do: 'delete', why: `it expired at ${spec.expiresAt}` }];
  if (workingTokens(key, now).length < (status?.tokens ?? []).length)
    return [{ do: 'forgetTokens', why: 'the grace period after a rotation is over' }];
  return [];
}

export function reportApiKey(
  key: ApiKey,
  { resources }: ApiKeyObserved,
  left: readonly ApiKeyStep[],
  now: Date,
): Report {
  const tokens = key.status?.tokens ?? [];
  const status: ApiKeyStatus = tokens.length === 0 ? {} : { tokens };
  if (key.metadata.deletionTimestamp !== undefined)
    return {
      status,
      conditions: [ready('False', 'Revoked', 'it lets nobody in any more'), NOT_DEGRADED],
      outcome: { is: 'gone' },
    };
  const outcome = outcomeOf(key, left, now);
  const unknown = unknownResources(key.spec.rules ?? [], resources);
  const row = rowOf(key);
  return {
    status,
    conditions: [
      validity(key, now),
      progressing(outcome),
      unknown.length === 0
        ? NOT_DEGRADED
        : degraded(
            'True',
            'UnknownResource',
            `${listed(unknown)}: there is no such resource, and nothing is allowed by it; plurals are meant, such as instances`,
          ),
    ],
    outcome,
    ...(row && { inventory: row }),
  };
}

function validity(key: ApiKey, now: Date) {
  const { expiresAt } = key.spec;
  if (isPast(expiresAt, now)) return ready('False', 'Expired', `it expired at ${expiresAt}; give it another expiresAt`);
  if (workingTokens(key, now).length === 0)
    return ready('False', 'NoToken', `no token was given out: miniaws key rotate ${key.metadata.name} makes one`);
  return ready(
    'True',
    'Valid',
    expiresAt === undefined ? 'it lets its user in' : `it lets its user in until ${expiresAt}`,
  );
}

/** The next look is when the next of its times comes. */
function outcomeOf({ spec, status }: ApiKey, left: readonly ApiKeyStep[], now: Date): Outcome {
  if (left.length > 0) return { is: 'progressing', afterMs: 0 };
  const expires =
    spec.expiresAt === undefined ? [] : [Date.parse(spec.expiresAt), Date.parse(spec.expiresAt) + KEPT_MS];
  const ends = (status?.tokens ?? []).flatMap(({ expiresAt }) =>
    expiresAt === undefined ? [] : [Date.parse(expiresAt)],
  );
  const next = [...expires, ...ends].map((at) => at - now.getTime()).filter((ms) => ms > 0);
  if (next.length === 0) return { is: 'reconciled' };
  return { is: 'reconciled', afterMs: Math.min(LONGEST_LOOK_MS, ...next) };
}

const unknownResources = (rules: readonly PolicyRule[], known: ReadonlySet<string>): string[] => [
  ...new Set(
    rules
      .flatMap(({ resources }) => resources)
      .filter((word) => {
        const [plural = ''] = word.split('/');
        return plural !== '*' && !known.has(plural);
      }),
  ),
];

/** The seed's row, once a token was given out: it has the hash of the newest one. */
function rowOf({ metadata, spec, status }: ApiKey): InventoryRow | undefined {
  const newest = status?.tokens?.at(-1);
  if (!newest) return undefined;
  const { uid: id, name } = metadata;
  return { table: 'api_keys', id, userId: userUuid(spec.userId), key: newest.sha256, name };
}

/** The seed knows users by UUIDs: one that is none gets the same one each time (RFC 9562, version 8). */
function userUuid(userId: string): string {
  if (UUID.test(userId)) return userId;
  const hex = createHash('sha256').update(`miniaws user ${userId}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
