import type { Command } from 'commander';
import { messageOf } from '../../../base/errors.ts';
import { Failure } from '../../../cli/failure.ts';
import { oneOfFlag } from '../../../cli/flags.ts';
import { bytes, metricsPath, percent } from './metrics.ts';
import type { InstanceMetrics } from './metrics.ts';
import { printable } from '../../../cli/io.ts';
import { steps } from '../../../cli/metrics-view.ts';
import { pause } from '../../../cli/pause.ts';
import { Screen } from '../../../cli/screen.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { heightsFor, sparkline } from '../../../cli/sparkline.ts';
import { Columns } from '../../../cli/table.ts';
import { targetsOf } from '../../../cli/targets.ts';

/** Milliseconds between two pictures. */
const EVERY_MS = 2_000;

interface TopOptions {
  allNamespaces?: boolean;
  selector?: string;
  once?: boolean;
  sort: 'cpu' | 'memory';
  headers: boolean;
}

export function addTop(program: Command, setup: ClientSetup): void {
  program
    .command('top')
    .argument('[what]', 'instances', 'instances')
    .description('show what running instances use now; on a terminal, live')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'only those with these labels, such as app=web,tier!=test')
    .option('--once', 'print it once and end')
    .option('--sort <by>', 'cpu or memory', oneOfFlag(['cpu', 'memory'] as const), 'cpu')
    .option('--no-headers', 'print no headings')
    .action(task<[string], TopOptions>(setup, (session, [what], options) => top(session, what, options)));
}

async function top(session: Session, what: string, options: TopOptions): Promise<void> {
  const [target, ...more] = targetsOf(session.kinds, [what]);
  if (target?.kind.kind !== 'Instance' || target.names || more.length > 0)
    throw new Failure(`only instances can be shown: miniaws top instances, not ${what}`);
  const { stdout, env } = session.io;
  if (stdout.isTTY && env['TERM'] !== 'dumb' && !options.once) return live(session, options);
  const items = await read(session, options);
  if (items.length === 0) return session.tell(nothing(session, options));
  session.print(lines(session, items, options).join('\n'));
}

/** Until Ctrl-C. A daemon that is away for a while is said above the last picture. */
async function live(session: Session, options: TopOptions): Promise<void> {
  const { io, signal } = session;
  let items = await read(session, options);
  let trouble: string | undefined;
  const screen = new Screen(io.stdout);
  try {
    while (!signal.aborted) {
      const body = items.length === 0 ? [nothing(session, options)] : lines(session, items, options);
      screen.show([trouble ?? heading(items, options), '', ...body]);
      await pause(EVERY_MS, signal);
      if (signal.aborted) return;
      try {
        items = await read(session, options);
        trouble = undefined;
      } catch (error) {
        trouble = `${printable(messageOf(error))}; trying again`;
      }
    }
  } finally {
    screen.close();
  }
}

async function read({ client, namespace, signal }: Session, options: TopOptions): Promise<InstanceMetrics[]> {
  const path = metricsPath(options.allNamespaces ? undefined : namespace);
  const query = { labelSelector: options.selector };
  const { items } = await client.get<{ items: InstanceMetrics[] }>(path, { query, signal });
  const of = ({ usage }: InstanceMetrics) => (options.sort === 'cpu' ? usage?.cpuPercent : usage?.memoryBytes) ?? -1;
  // The server has them in the order of their names, which stands among equals.
  return items.toSorted((a, b) => of(b) - of(a));
}

const nothing = ({ namespace }: Session, { allNamespaces }: TopOptions): string =>
  `No instances with metrics${allNamespaces ? '' : ` in ${namespace} namespace`}: they come some seconds after the start, and not where the daemon has --metrics-interval 0`;

const heading = (items: readonly InstanceMetrics[], { sort }: TopOptions): string =>
  `${new Date().toTimeString().slice(0, 8)}   ${items.length} running, most ${sort} first; Ctrl-C ends`;

const HEADINGS = ['NAME', 'CPU', 'MEMORY', 'LIMIT', 'RECEIVED/S', 'SENT/S', 'READ/S', 'WRITTEN/S', 'CPU LATELY'];

function lines({ io, colors }: Session, items: readonly InstanceMetrics[], options: TopOptions): string[] {
  const heights = heightsFor(io.env);
  const isWithNamespace = options.allNamespaces === true;
  const headings = isWithNamespace ? ['NAMESPACE', ...HEADINGS] : HEADINGS;
  const rows = items.map((item) => {
    const { metadata, usage = {} } = item;
    const cpu = steps(item, (point) => point.cpuPercent);
    const cells = [
      metadata.name,
      percent(usage.cpuPercent),
      bytes(usage.memoryBytes),
      bytes(usage.memoryLimitBytes),
      bytes(usage.networkReceiveRate),
      bytes(usage.networkSendRate),
      bytes(usage.blockReadRate),
      bytes(usage.blockWriteRate),
      // Of the whole limit, so that the graphs can be compared; more where more than a core is used.
      sparkline(cpu, Math.max(100, ...cpu.map((value) => value ?? 0)), heights),
    ];
    return (isWithNamespace ? [metadata.namespace, ...cells] : cells).map(printable);
  });
  return new Columns().lines(options.headers ? [headings.map((name) => colors.bold(name)), ...rows] : rows);
}
