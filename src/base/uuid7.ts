import { randomBytes } from 'node:crypto';

/** Any UUID, in lower case: as this project and the database write them. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A UUID in the order of time (RFC 9562, version 7): 48 bits of milliseconds, the rest random. */
export function uuid7(now: Date): string {
  const hex = randomBytes(10).toString('hex');
  const time = now.getTime().toString(16).padStart(12, '0');
  const variant = ((Number.parseInt(hex.slice(3, 4), 16) & 3) | 8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}
