import type { Metadata } from '../../../api/metadata.ts';
import { formatBytes } from '../../../base/quantity.ts';
import type { Rates } from '../metrics/sample.ts';
import type { MetricsWindow } from '../../../cli/metrics-view.ts';
import { API_VERSION } from '../../../api/metadata.ts';
import { pathAt } from '../../../cli/objects.ts';

/** What the API tells of an instance's use; what is left out is not known. */
export interface InstanceMetrics {
  metadata: Pick<Metadata, 'name' | 'namespace'>;
  timestamp?: string;
  usage?: { cpuPercent?: number; memoryBytes?: number; memoryLimitBytes?: number } & Rates;
  window: MetricsWindow;
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

export const metricsPath = (namespace?: string): string => pathAt(API_VERSION, namespace, 'instancemetrics');

/** What stands in a table for what is not known. */
const UNKNOWN = '-';

export const percent = (value: number | undefined): string => (value === undefined ? UNKNOWN : `${value.toFixed(1)}%`);
export const bytes = (value: number | undefined): string => (value === undefined ? UNKNOWN : formatBytes(value));
