import type { Metadata } from '../../../api/metadata.ts';
import { formatBytes } from '../../../base/quantity.ts';
import type { Rates } from '../../../base/sample.ts';
import { collectionPath } from '../../../cli/objects.ts';

/** What the API tells of an instance's use; what is left out is not known. */
export interface InstanceMetrics {
  metadata: Pick<Metadata, 'name' | 'namespace'>;
  timestamp?: string;
  usage?: { cpuPercent?: number; memoryBytes?: number; memoryLimitBytes?: number } & Rates;
  window: { since: string; until: string; seconds: number };
  points: readonly MetricsPoint[];
}

export interface MetricsPoint extends Rates {
  time: string;
  cpuPercent?: number;
  cpuPercentMax?: number;
  memoryBytes?: number;
  memoryBytesMax?: number;
  memoryLimitBytes?: number;
}

export const metricsPath = (namespace?: string): string => collectionPath({ plural: 'instancemetrics' }, namespace);

/** What stands in a table for what is not known. */
const UNKNOWN = '-';

export const percent = (value: number | undefined): string => (value === undefined ? UNKNOWN : `${value.toFixed(1)}%`);
export const bytes = (value: number | undefined): string => (value === undefined ? UNKNOWN : formatBytes(value));

/** A value for each step of the window, so that what is not known is a gap and not left out. */
export function steps<P extends { time: string }>(
  { window, points }: { window: InstanceMetrics['window']; points: readonly P[] },
  valueOf: (point: P) => number | undefined,
): (number | undefined)[] {
  const [since, width] = [Date.parse(window.since), window.seconds * 1_000];
  const count = Math.max(1, Math.round((Date.parse(window.until) - since) / width));
  const values: (number | undefined)[] = Array.from({ length: count });
  for (const point of points) {
    const at = Math.floor((Date.parse(point.time) - since) / width);
    values[Math.min(Math.max(at, 0), count - 1)] = valueOf(point);
  }
  return values;
}
