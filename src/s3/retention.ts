import type { DefaultRetention } from '../api/bucket-config.ts';
import type { ObjectRow, Retention } from './row.ts';

/** When a version is to go, and by whom. */
export interface Release {
  now: Date;
  /** Who asks may lift GOVERNANCE, and wants it. */
  bypassGovernance?: boolean;
}

/** A version that is kept from deletion. */
export class ObjectLockedError extends Error {
  override readonly name = 'ObjectLockedError';
}

export const isUnlocked = (row: ObjectRow, release: Release): boolean => keeperOf(row, release) === undefined;

/** Throws ObjectLockedError. */
export function checkUnlocked(row: ObjectRow, release: Release): void {
  const keeper = keeperOf(row, release);
  if (keeper !== undefined) throw new ObjectLockedError(`${row.key} ${keeper}`);
}

function keeperOf({ retention, legalHold }: ObjectRow, { now, bypassGovernance = false }: Release): string | undefined {
  if (legalHold) return 'is under a legal hold';
  if (!retention || retention.until <= now || (retention.mode === 'GOVERNANCE' && bypassGovernance)) return undefined;
  return `is kept until ${retention.until.toISOString()} (${retention.mode})`;
}

/** Of what is put now into a bucket that has this for it. */
export function retentionFrom(now: Date, { mode, days, years }: DefaultRetention): Retention {
  const until = new Date(now);
  if (years !== undefined) until.setUTCFullYear(until.getUTCFullYear() + years);
  else until.setUTCDate(until.getUTCDate() + (days ?? 0));
  return { mode, until };
}
