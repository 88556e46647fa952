import { mkdir } from 'node:fs/promises';
import { inspect, parseArgs } from 'node:util';
import { startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { authn } from './authn.ts';
import { autoscale } from './autoscale.ts';
import { client } from './client.ts';
import { config } from './config.ts';
import { converge } from './converge.ts';
import { failover } from './failover.ts';
import { fairness } from './fairness.ts';
import type { Benchmark, Figure } from './figure.ts';
import { git } from './git.ts';
import { hitless } from './hitless.ts';
import { kubectl } from './kubectl.ts';
import { lists } from './lists.ts';
import { list } from './list.ts';
import { metrics } from './metrics.ts';
import { noop } from './noop.ts';
import { objects } from './objects.ts';
import { quiet } from './quiet.ts';
import { repair } from './repair.ts';
import { scaleOut } from './scale-out.ts';
import { scale } from './scale.ts';
import { jsonLine, table } from './table.ts';
import { watch } from './watch.ts';
import { Workshop } from './workshop.ts';
import { write } from './write.ts';

/**
 * `npm run bench [-- NAME… [--cpu-prof DIR]]`: measures, one line of JSON a figure on the standard output as soon as
 * it is known, and at the end a table for people on the standard error. Ctrl-C cleans up; exit status 1: a benchmark
 * failed. A missed goal is a finding, not a failure.
 */
const BENCHMARKS: readonly Benchmark[] = [
  client,
  converge,
  repair,
  noop,
  quiet,
  write,
  watch,
  scale,
  failover,
  fairness,
  list,
  metrics,
  git,
  hitless,
  scaleOut,
  autoscale,
  config,
  authn,
  lists,
  kubectl,
  objects,
];
/** So long a benchmark may take to notice Ctrl-C before what it made is removed under it. */
const NOTICE_MS = 10_000;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'cpu-prof': { type: 'string' } } });
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const unknown = positionals.filter((name) => !BENCHMARKS.some((b) => b.name === name));
if (unknown.length > 0) {
  say(`no figure "${unknown.join('", "')}": there are ${BENCHMARKS.map((b) => b.name).join(', ')}`);
  process.exit(2);
}
const chosen = BENCHMARKS.filter((b) => positionals.length === 0 || positionals.includes(b.name));
if (values['cpu-prof'] !== undefined) await mkdir(values['cpu-prof'], { recursive: true });

const interrupt = new AbortController();
process.on('SIGINT', () => interrupt.abort(new Error('interrupted')));
process.on('SIGTERM', () => interrupt.abort(new Error('terminated')));
const interrupted = new Promise<void>((resolve) => interrupt.signal.addEventListener('abort', () => resolve()));

const figures: Figure[] = [];
const postgres = await startPostgres();
try {
  for (const benchmark of chosen) {
    if (!interrupt.signal.aborted) await measure(benchmark, postgres);
  }
} finally {
  await postgres.stop();
}
if (figures.length > 0) say(`\n${table(figures)}`);
process.exit(interrupt.signal.aborted ? 130 : (process.exitCode ?? 0));

async function measure({ name, run }: Benchmark, server: TestPostgres): Promise<void> {
  say(`${name} …`);
  const workshop = await Workshop.open({
    postgres: server,
    signal: interrupt.signal,
    profiles: values['cpu-prof'],
  });
  try {
    const running = run(workshop).then((found) => {
      figures.push(...found);
      for (const figure of found) process.stdout.write(`${jsonLine(figure)}\n`);
    });
    await Promise.race([running, interrupted.then(() => noticed(running))]);
  } catch (error) {
    if (interrupt.signal.aborted) return;
    process.exitCode = 1;
    say(`${name}: ${inspect(error)}`);
  } finally {
    await workshop.close();
  }
}

async function noticed(running: Promise<void>): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, NOTICE_MS).unref());
  await Promise.race([running.catch(() => undefined), late]);
}
