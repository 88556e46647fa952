import type { Command } from 'commander';
import type { Ref } from '../../api/metadata.ts';
import { Failure } from '../failure.ts';
import { countFlag, durationFlag, oneOfFlag } from '../flags.ts';
import { bytes, percent, steps } from '../../kinds/instance/cli/metrics.ts';
import type { InstanceMetrics, MetricsPoint } from '../../kinds/instance/cli/metrics.ts';
import { objectPath } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { heightsFor, sparkline } from '../sparkline.ts';
import { Columns } from '../table.ts';
import { refOfWords } from '../targets.ts';
import { meansOf, short } from '../../kinds/load-balancer/cli/metrics.ts';
import type { LoadBalancerMetrics, TrafficPoint } from '../../kinds/load-balancer/cli/metrics.ts';

interface MetricsOptions {
  since: number;
  points: number;
  output?: 'json';
  headers: boolean;
}

export function addMetrics(program: Command, setup: ClientSetup): void {
  program
    .command('metrics')
    .argument('<object...>', 'instance/NAME or loadbalancer/NAME')
    .description('print what an instance has used, or a load balancer has carried, over a time, with a graph')
    .option('--since <time>', 'how far back, such as 30m or 7d', durationFlag, 3_600_000)
    .option('--points <n>', 'at most so many lines', countFlag, 60)
    .option('-o, --output <format>', 'json', oneOfFlag(['json'] as const))
    .option('--no-headers', 'print no graph and no headings')
    .action(task<[string[]], MetricsOptions>(setup, (session, [words], options) => metrics(session, words, options)));
}

async function metrics(session: Session, words: readonly string[], options: MetricsOptions): Promise<void> {
  const ref = refOfWords(session.kinds, words, session.namespace);
  if (ref.kind === 'LoadBalancer') return traffic(session, ref, options);
  if (ref.kind !== 'Instance')
    throw new Failure(`only instances and load balancers have metrics: instance/NAME, not ${words.join(' ')}`);
  const query = queryOf(options);
  const found = await session.client.get<InstanceMetrics>(objectPath(session.kinds, ref, 'metrics'), { query });
  if (options.output === 'json') return session.print(JSON.stringify(found, null, 2));
  if (found.points.length === 0) return tellNothing(session, `instance/${ref.name}`);
  if (options.headers) session.print([...graph(session, found), ''].join('\n'));
  session.print(table(session, found, options.headers).join('\n'));
}

const tellNothing = (session: Session, what: string): void =>
  session.tell(
    `Nothing is known of ${what} in this time: it did not run, or the daemon samples nothing (--metrics-interval)`,
  );

const queryOf = ({ since, points }: MetricsOptions) => ({ since: `${Math.round(since / 1_000)}s`, points });

async function traffic(session: Session, ref: Ref, options: MetricsOptions): Promise<void> {
  const found = await session.client.get<LoadBalancerMetrics>(objectPath(session.kinds, ref, 'metrics'), {
    query: queryOf(options),
  });
  if (options.output === 'json') return session.print(JSON.stringify(found, null, 2));
  if (found.points.length === 0) return tellNothing(session, `loadbalancer/${ref.name}`);
  if (options.headers) session.print([...trafficGraph(session, found), ''].join('\n'));
  session.print(trafficTable(session, found.points, options.headers).join('\n'));
}

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

const timeOf = ({ time }: { time: string }): string => time.replace(/\.\d+Z$/, 'Z');

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
