import type { ShowMetrics } from '../../../cli/command.ts';
import { showMetrics, steps, timeOf } from '../../../cli/metrics-view.ts';
import type { Session } from '../../../cli/session.ts';
import { heightsFor, sparkline } from '../../../cli/sparkline.ts';
import { Columns } from '../../../cli/table.ts';
import { bytes, percent } from './metrics.ts';
import type { InstanceMetrics, MetricsPoint } from './metrics.ts';

export const showInstanceMetrics: ShowMetrics = (session, ref, options) =>
  showMetrics<InstanceMetrics>(session, ref, options, {
    graph: (found) => graph(session, found),
    table: (found) => table(session, found, options.headers),
  });

function graph({ io, colors }: Session, found: InstanceMetrics): string[] {
  const heights = heightsFor(io.env);
  const line = (
    name: string,
    valueOf: (point: MetricsPoint) => number | undefined,
    shown: (value: number) => string,
    least: number,
  ): string => {
    const most = Math.max(...found.points.map((point) => valueOf(point) ?? 0));
    return `${colors.bold(name.padEnd(6))}   ${sparkline(steps(found, valueOf), Math.max(most, least), heights)}   at most ${shown(most)}`;
  };
  const limit = found.points.findLast((point) => point.memoryLimitBytes !== undefined)?.memoryLimitBytes;
  const memory = (value: number) => (limit === undefined ? bytes(value) : `${bytes(value)} of ${bytes(limit)}`);
  return [
    line('CPU', (point) => point.cpuPercent, percent, 1),
    line('MEMORY', (point) => point.memoryBytes, memory, limit ?? 1),
  ];
}

const HEADINGS = ['TIME', 'CPU', 'MAX', 'MEMORY', 'MAX', 'RECEIVED/S', 'SENT/S', 'READ/S', 'WRITTEN/S'];

function table({ colors }: Session, { points }: InstanceMetrics, headers: boolean): string[] {
  const rows = points.map((point) => [
    timeOf(point),
    percent(point.cpuPercent),
    percent(point.cpuPercentMax),
    bytes(point.memoryBytes),
    bytes(point.memoryBytesMax),
    bytes(point.networkReceiveRate),
    bytes(point.networkSendRate),
    bytes(point.blockReadRate),
    bytes(point.blockWriteRate),
  ]);
  return new Columns().lines(headers ? [HEADINGS.map((name) => colors.bold(name)), ...rows] : rows);
}
