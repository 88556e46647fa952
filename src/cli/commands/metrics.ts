import type { Command } from 'commander';
import type { MetricsOptions, ShowMetrics } from '../command.ts';
import { Failure } from '../failure.ts';
import { countFlag, durationFlag, oneOfFlag } from '../flags.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { refOfWords } from '../targets.ts';

/** `shows`: by the kind's name, of those that have metrics. */
export function addMetrics(program: Command, setup: ClientSetup, shows: ReadonlyMap<string, ShowMetrics>): void {
  program
    .command('metrics')
    .argument('<object...>', 'instance/NAME or loadbalancer/NAME')
    .description('print what an instance has used, or a load balancer has carried, over a time, with a graph')
    .option('--since <time>', 'how far back, such as 30m or 7d', durationFlag, 3_600_000)
    .option('--points <n>', 'at most so many lines', countFlag, 60)
    .option('-o, --output <format>', 'json', oneOfFlag(['json'] as const))
    .option('--no-headers', 'print no graph and no headings')
    .action(
      task<[string[]], MetricsOptions>(setup, (session, [words], options) => metrics(session, shows, words, options)),
    );
}

async function metrics(
  session: Session,
  shows: ReadonlyMap<string, ShowMetrics>,
  words: readonly string[],
  options: MetricsOptions,
): Promise<void> {
  const ref = refOfWords(session.kinds, words, session.namespace);
  const show = shows.get(ref.kind);
  if (show) return show(session, ref, options);
  const measured = [...shows.keys()];
  const example = session.kinds.must(measured[0] ?? '').singular;
  throw new Failure(
    `only ${measured.map(asWords).join(' and ')} have metrics: ${example}/NAME, not ${words.join(' ')}`,
  );
}

/** `LoadBalancer` as a person says several of them. */
const asWords = (kind: string): string => `${kind.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()}s`;
