import type { LifecycleRule } from '../api/bucket-config.ts';
import { isUnlocked } from './retention.ts';
import type { ObjectRow, Upload } from './row.ts';

const DAY_MS = 86_400_000;

/** A version, beside what lies over it: newer versions of its key. */
export interface Aged {
  row: ObjectRow;
  /** When it ceased to be the current one; `undefined`: it is. */
  noncurrentSince: Date | undefined;
  /** Versions between it and the current one. */
  newer: number;
  /** No other version of its key is there. */
  isAlone: boolean;
}

/** What becomes of it: it goes, for good; or a delete marker comes over it, where versions are kept. */
export type Expiry = 'remove' | 'expire' | undefined;

/** Pure. What is declared stays: its document says what is to be. What a retention or a hold keeps stays as well. */
export function expiryOf(rules: readonly LifecycleRule[], aged: Aged, keepsVersions: boolean, now: Date): Expiry {
  const { row } = aged;
  if (row.declaredBy !== undefined && row.isLatest) return undefined;
  const outcomes = rules.filter((rule) => appliesTo(rule, row)).map((rule) => byRule(rule, aged, now));
  if (outcomes.includes('remove') && isUnlocked(row, { now })) return 'remove';
  if (!outcomes.includes('expire')) return undefined;
  return keepsVersions ? 'expire' : isUnlocked(row, { now }) ? 'remove' : undefined;
}

function byRule(rule: LifecycleRule, { row, noncurrentSince, newer, isAlone }: Aged, now: Date): Expiry {
  if (noncurrentSince) {
    const { noncurrentDays, keepVersions = 0 } = rule;
    const isOver = noncurrentDays !== undefined && isPast(noncurrentSince, noncurrentDays, now);
    return isOver && newer >= keepVersions ? 'remove' : undefined;
  }
  if (row.isDeleteMarker) return rule.expireDeleteMarkers === true && isAlone ? 'remove' : undefined;
  const { expireAfterDays: days, expireAt: at } = rule;
  const isOver = (days !== undefined && isPast(row.createdAt, days, now)) || (at !== undefined && new Date(at) <= now);
  return isOver ? 'expire' : undefined;
}

export const isForgotten = (rules: readonly LifecycleRule[], { key, startedAt }: Upload, now: Date): boolean =>
  rules.some(
    ({ enabled = true, prefix = '', abortUploadsAfterDays: days }) =>
      enabled && days !== undefined && key.startsWith(prefix) && isPast(startedAt, days, now),
  );

/** As in S3, at the midnight (UTC) after so many days. */
const isPast = (since: Date, days: number, now: Date): boolean =>
  Math.ceil((since.getTime() + days * DAY_MS) / DAY_MS) * DAY_MS <= now.getTime();

/** Tags and sizes are of what has content: a delete marker has neither. */
function appliesTo(
  { enabled = true, prefix = '', tags = {}, largerThan, smallerThan }: LifecycleRule,
  row: ObjectRow,
): boolean {
  return (
    enabled &&
    row.key.startsWith(prefix) &&
    Object.entries(tags).every(([name, value]) => Object.hasOwn(row.tags, name) && row.tags[name] === value) &&
    (largerThan === undefined || row.sizeBytes > largerThan) &&
    (smallerThan === undefined || row.sizeBytes < smallerThan)
  );
}
