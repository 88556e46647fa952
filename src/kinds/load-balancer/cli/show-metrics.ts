import type { ShowMetrics } from '../../../cli/command.ts';
import { showMetrics, steps, timeOf } from '../../../cli/metrics-view.ts';
import type { Session } from '../../../cli/session.ts';
import { heightsFor, sparkline } from '../../../cli/sparkline.ts';
import { Columns } from '../../../cli/table.ts';
import { meansOf, short } from './metrics.ts';
import type { LoadBalancerMetrics, TrafficPoint } from './metrics.ts';

export const showTraffic: ShowMetrics = (session, ref, options) =>
  showMetrics<LoadBalancerMetrics>(session, ref, options, {
    graph: (found) => trafficGraph(session, found),
    table: ({ points }) => trafficTable(session, points, options.headers),
  });

/** All of it, and to each target: a line with the small graph of its requests. */
function trafficGraph({ io, colors }: Session, { window, points, targets }: LoadBalancerMetrics): string[] {
  const most = Math.max(1, ...points.map((point) => point.requestRate));
  const line = (name: string, of: readonly TrafficPoint[]): string[] => {
    const graphed = sparkline(
      steps({ window, points: of }, (p) => p.requestRate),
      most,
      heightsFor(io.env),
    );
    const mean = meansOf(of);
    return [
      name,
      short(mean?.requestRate),
      short(mean?.failedRate),
      short(mean?.errorRate),
      short(mean?.latencyMs),
      graphed,
    ];
  };
  const headings = ['', 'REQUESTS/S', 'FAILED/S', '5XX/S', 'LATENCY MS', ''].map((name) => colors.bold(name));
  const rows = targets.map((target) => line(target.instance, target.points));
  return new Columns().lines([headings, line('ALL', points), ...rows]);
}

const TRAFFIC_HEADINGS = ['TIME', 'REQUESTS/S', 'MAX', 'FAILED/S', '5XX/S', 'LATENCY MS'];

function trafficTable({ colors }: Session, points: readonly TrafficPoint[], headers: boolean): string[] {
  const rows = points.map((point) => [
    timeOf(point),
    ...[point.requestRate, point.requestRateMax, point.failedRate, point.errorRate, point.latencyMs].map(short),
  ]);
  return new Columns().lines(headers ? [TRAFFIC_HEADINGS.map((name) => colors.bold(name)), ...rows] : rows);
}
