import type { Metadata } from '../../../api/metadata.ts';
import type { TrafficRates } from '../metrics/traffic.ts';
import type { MetricsWindow } from '../../../cli/metrics-view.ts';

/** What the API tells of a load balancer's traffic. */
export interface LoadBalancerMetrics {
  metadata: Pick<Metadata, 'name' | 'namespace'>;
  window: MetricsWindow;
  points: readonly TrafficPoint[];
  targets: readonly { instance: string; points: readonly TrafficPoint[] }[];
}

export interface TrafficPoint extends TrafficRates {
  time: string;
  samples: number;
  requestRateMax: number;
}

/** A rate of a second, or milliseconds: three digits are enough for people. */
export function short(value: number | undefined): string {
  if (value === undefined) return '-';
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2);
}

/** Means over the points, by how many samples each has. */
export function meansOf(points: readonly TrafficPoint[]): TrafficRates | undefined {
  const samples = points.reduce((sum, point) => sum + point.samples, 0);
  if (samples === 0) return undefined;
  const mean = (value: (point: TrafficPoint) => number) =>
    points.reduce((sum, point) => sum + value(point) * point.samples, 0) / samples;
  const asked = points.filter((point) => point.latencyMs !== undefined);
  const weight = asked.reduce((sum, point) => sum + point.requestRate * point.samples, 0);
  const latency = asked.reduce((sum, p) => sum + (p.latencyMs ?? 0) * p.requestRate * p.samples, 0);
  return {
    requestRate: mean((point) => point.requestRate),
    failedRate: mean((point) => point.failedRate),
    errorRate: mean((point) => point.errorRate),
    ...(weight > 0 && { latencyMs: latency / weight }),
  };
}
