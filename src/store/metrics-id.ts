/**
 * A UUID of version 7 (RFC 9562): milliseconds first, so that ids sort by time. What follows is of the instance and not
 * of chance: the same sample has the same id, however often it is sent. Without an instance, the lowest of its time.
 */
export function timeOrderedId(at: Date, instanceId?: string): string {
  const time = at.getTime().toString(16).padStart(12, '0');
  const head = `${time.slice(0, 8)}-${time.slice(8)}`;
  if (instanceId === undefined) return `${head}-0000-0000-000000000000`;
  const digits = instanceId.replaceAll('-', '');
  return `${head}-7${digits.slice(0, 3)}-8${digits.slice(3, 6)}-${digits.slice(20)}`;
}
