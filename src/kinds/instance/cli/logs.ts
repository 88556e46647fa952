import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { Ref } from '../../../api/metadata.ts';
import { StatusError } from '../../../base/errors.ts';
import { Failure, Unreachable } from '../../../cli/failure.ts';
import { countFlag, durationFlag } from '../../../cli/flags.ts';
import { objectPath } from '../../../cli/objects.ts';
import { pause } from '../../../cli/pause.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { targetsOf } from '../../../cli/targets.ts';

interface LogsOptions {
  follow?: boolean;
  tail?: number;
  since?: number;
  timestamps?: boolean;
}

const RECONNECT_MS = 1_000;

export function addLogs(program: Command, setup: ClientSetup): void {
  program
    .command('logs')
    .argument('<instance...>', 'NAME, or instance/NAME')
    .description('print what the process of an instance wrote')
    .option('-f, --follow', 'go on and print what it writes')
    .option('--tail <lines>', 'only the last so many lines', countFlag)
    .option('--since <time>', 'only what is newer than this, such as 10m', durationFlag)
    .option('--timestamps', 'with the time of each line')
    .action(task<[string[]], LogsOptions>(setup, (session, [words], options) => logs(session, words, options)));
}

const INSTANCE = 'Instance';

/** `NAME`, `instance/NAME` or `instance NAME`: which instance is meant. */
export function instanceOf({ kinds, namespace }: Session, words: readonly string[]): Ref {
  const [first = '', second, more] = words;
  const [target] =
    first.includes('/') || second !== undefined
      ? targetsOf(kinds, words)
      : [{ kind: kinds.must(INSTANCE), names: [first] }];
  const [name] = target?.names ?? [];
  if (!target || name === undefined || more !== undefined) throw new Failure('name exactly one instance');
  if (target.kind.kind !== INSTANCE)
    throw new Failure(`${target.kind.singular}/${name} is no instance, and has no process`);
  return { kind: INSTANCE, namespace, name };
}

async function logs(session: Session, words: readonly string[], options: LogsOptions): Promise<void> {
  const path = objectPath(session.kinds, instanceOf(session, words), 'log');
  const { client, signal } = session;
  let first = true;
  let since = Date.now();
  while (!signal.aborted) {
    const query = {
      follow: options.follow,
      timestamps: options.timestamps,
      tailLines: first ? options.tail : undefined,
      sinceSeconds: first ? secondsOf(options.since) : Math.max(1, Math.ceil((Date.now() - since) / 1000)),
    };
    try {
      const body = await client.stream(path, { query, signal });
      first = false;
      await copy(body, session);
      if (!options.follow) return;
    } catch (error) {
      if (signal.aborted) return;
      if (first || !options.follow || !isPassing(error)) throw error;
      session.lost((error as Error).message);
    }
    since = Date.now();
    await pause(RECONNECT_MS, signal);
  }
}

const secondsOf = (ms: number | undefined): number | undefined => (ms ? Math.max(1, Math.ceil(ms / 1000)) : undefined);

const isPassing = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof StatusError && error.code >= 500);

/** To stdout as it is: what a process writes is its own affair. Waits for a slow reader. */
async function copy(body: Readable, { io, signal }: Session): Promise<void> {
  try {
    for await (const chunk of body) {
      if (io.stdout.write(chunk)) continue;
      await new Promise<void>((resolve) => {
        io.stdout.once('drain', resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  } catch (error) {
    if (!signal.aborted) throw new Unreachable(`the log broke off: ${(error as Error).message}`);
  }
}
