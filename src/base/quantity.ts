/** Durations and sizes as people write them in manifests. */

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Go's and Kubernetes' form, with days: `500ms`, `10s`, `1m30s`, `2h`, `7d`. */
export const DURATION_PATTERN = '^(\\d{1,9}(ms|s|m|h|d))+$';

/** Milliseconds, or `undefined` when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!new RegExp(DURATION_PATTERN).test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d{1,9})(ms|s|m|h|d)/g))
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}

/** For text that a schema with `DURATION_PATTERN` has already accepted. */
export const durationMs = (text: string): number => parseDuration(text) ?? 0;

/** The shortest usual form for people: `45s`, `3m10s`, `5h12m`, `3d4h`, as kubectl's AGE; of what has no beginning `<unknown>`. */
export function formatAge(ms: number): string {
  if (Number.isNaN(ms)) return '<unknown>';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 ? `${minutes}m${seconds % 60}s` : `${minutes}m`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 ? `${hours}h${minutes % 60}m` : `${hours}h`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 && hours % 24 ? `${days}d${hours % 24}h` : `${days}d`;
}

const UNIT_BYTES: Record<string, number> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** Docker's `k m g` and Kubernetes' `Ki Mi Gi`, both binary; a bare number is bytes. */
export const SIZE_PATTERN = '^\\d{1,15}(k|m|g|Ki|Mi|Gi)?$';

/** Bytes, or `undefined` when the text is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,15})(k|m|g|Ki|Mi|Gi)?$/.exec(text);
  return match ? Number(match[1]) * (UNIT_BYTES[match[2] ?? ''] ?? 1) : undefined;
}

/** `3`, or `25%` of the whole. Rounded as the caller says. */
export function countOf(value: number | string, whole: number, round: (x: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) * whole) / 100);
}

/** For people, three digits at most: `512 B`, `4.2Mi`, `1.5Gi`. */
export function formatBytes(bytes: number): string {
  const units = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  let [value, unit] = [bytes / 1024, 0];
  while (value >= 1_000 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  const text = value < 10 ? value.toFixed(1) : String(Math.round(value));
  return `${text.replace(/\.0$/, '')}${units[unit] ?? ''}`;
}
