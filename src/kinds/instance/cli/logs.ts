import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { Ref } from '../../../api/metadata.ts';
import { refIn } from '../../../api/kind.ts';
import { StatusError } from '../../../base/errors.ts';
import { Failure, Unreachable } from '../../../cli/failure.ts';
import { countFlag, durationFlag } from '../../../cli/flags.ts';
import { findObject, objectPath } from '../../../cli/objects.ts';
import { pause } from '../../../cli/pause.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import type { Instance } from '../types.ts';
import { chosen, instancesOf } from './instances.ts';
import { followJoining } from './joining.ts';
import type { FollowEnd } from './joining.ts';
import { LogLines } from './log-lines.ts';
import { printerOf } from './log-printer.ts';
import type { Print } from './log-printer.ts';

interface LogsOptions {
  follow?: boolean;
  previous?: boolean;
  selector?: string;
  tail?: number;
  since?: number;
  timestamps?: boolean;
  prefix?: boolean;
}

const RECONNECT_MS = 1_000;

export function addLogs(program: Command, setup: ClientSetup): void {
  program
    .command('logs')
    .argument('[what...]', 'NAME…, instance/NAME…, or scalinggroup/NAME for all of a group')
    .description('print what the processes of instances wrote')
    .option(
      '-f, --follow',
      'go on and print what they write, until they have ended; also of those that join a group or selector',
    )
    .option('-l, --selector <labels>', 'of all instances with these labels')
    .option('-p, --previous', 'what was written before the last restart')
    .option('--tail <lines>', 'only the last so many lines', countFlag)
    .option('--since <time>', 'only what is newer than this, such as 10m', durationFlag)
    .option('--timestamps', 'with the time of each line')
    .option('--prefix', 'with the name of its instance before each line, as there is of several')
    .action(task<[string[]], LogsOptions>(setup, (session, [words], options) => logs(session, words, options)));
}

async function logs(session: Session, words: readonly string[], options: LogsOptions): Promise<void> {
  if (options.follow) return followAll(session, words, options);
  const refs = await instancesOf(session, words, options.selector);
  const named = refs.length > 1 || options.prefix === true;
  const run = async (ref: Ref, at: number) => {
    const print = printerOf(session, named ? ref.name : undefined, at);
    try {
      await once(session, ref, options, print);
    } finally {
      await print.end();
    }
  };
  await inParallel(
    session,
    refs.map((ref, at) => ({ name: ref.name, run: () => run(ref, at) })),
  );
}

/** Those of a group, or of a selector, are named even where there is one: others may join it. */
async function followAll(session: Session, words: readonly string[], options: LogsOptions): Promise<void> {
  const { refs, selections } = await chosen(session, words, options.selector);
  const named = refs.length > 1 || selections.length > 0 || options.prefix === true;
  let printers = 0;
  const one = async (ref: Ref, of: LogsOptions, joins: boolean) => {
    const print = printerOf(session, named ? ref.name : undefined, printers++);
    try {
      return await follow(session, ref, of, print, joins);
    } finally {
      await print.end();
    }
  };
  const instance = session.kinds.must('Instance');
  // What one has written before it joined is new as well.
  const { tail: _, since: __, ...whole } = options;
  const followed = [
    ...refs.map((ref) => ({ name: ref.name, run: () => one(ref, options, false) })),
    ...selections.map((selection) => ({
      name: selection.of?.name ?? selection.labelSelector,
      run: () =>
        followJoining(session, selection, (name, joined) =>
          one(refIn(instance, session.namespace, name), joined ? whole : options, true),
        ),
    })),
  ];
  await inParallel(session, followed);
}

/** One that fails is told of, and the others go on. */
async function inParallel(
  session: Session,
  tasks: readonly { name: string; run: () => Promise<unknown> }[],
): Promise<void> {
  const failed = await Promise.all(
    tasks.map(async ({ name, run }) => {
      try {
        await run();
        return false;
      } catch (error) {
        if (tasks.length === 1) throw error;
        session.tell(`error: ${name}: ${(error as Error).message}`);
        return true;
      }
    }),
  );
  if (failed.includes(true)) throw new Failure('');
}

async function once(session: Session, ref: Ref, options: LogsOptions, print: Print): Promise<void> {
  const query = {
    timestamps: options.timestamps,
    tailLines: options.tail,
    sinceSeconds: secondsOf(options.since),
    previous: options.previous,
  };
  const { client, signal } = session;
  await copy(await client.stream(objectPath(session.kinds, ref, 'log'), { query, signal }), session, (chunk) =>
    print.write(chunk),
  );
}

/**
 * Over restarts of the process, of the daemon and of what is between, each line once, until the instance has ended for good.
 * With `joins`, it may not have begun yet, and may be gone.
 */
async function follow(
  session: Session,
  ref: Ref,
  options: LogsOptions,
  print: Print,
  joins: boolean,
): Promise<FollowEnd> {
  const { client, signal, kinds } = session;
  const lines = new LogLines(options.timestamps === true);
  let first = true;
  while (!signal.aborted) {
    const since = lines.last;
    const query = {
      follow: true,
      timestamps: true,
      ...(first ? { tailLines: options.tail, sinceSeconds: secondsOf(options.since) } : {}),
      ...(first || since === undefined ? {} : { sinceTime: since }),
    };
    try {
      // Looked at before: what it writes until its end is in the stream then.
      const isOver = hasEnded((await findObject(client, ref)) as Instance | undefined);
      const body = await client.stream(objectPath(kinds, ref, 'log'), { query, signal });
      first = false;
      lines.resume();
      await copy(body, session, (chunk) => print.write(lines.take(chunk)));
      if (isOver) return 'ended';
    } catch (error) {
      if (signal.aborted) return 'gone';
      const reason = error instanceof StatusError ? error.reason : undefined;
      if (joins && reason === 'NotFound') return 'gone';
      // It has no container yet, or none for the moment.
      const isComing = joins && reason === 'Conflict';
      if (!isComing && (first || !isPassing(error))) throw error;
      if (!isComing) session.lost((error as Error).message);
    }
    await pause(RECONNECT_MS, signal);
  }
  return 'gone';
}

/** For good: no restart follows by itself. */
function hasEnded(instance: Instance | undefined): boolean {
  if (!instance?.status || instance.status.observedGeneration !== instance.metadata.generation) return false;
  const { phase } = instance.status;
  return phase === 'Succeeded' || phase === 'Failed' || (phase === 'Stopped' && instance.spec.powerState === 'Stopped');
}

const secondsOf = (ms: number | undefined): number | undefined => (ms ? Math.max(1, Math.ceil(ms / 1000)) : undefined);

const isPassing = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof StatusError && error.code >= 500);

/** What a process writes is its own affair: it is printed as it is. */
async function copy(body: Readable, { signal }: Session, print: (chunk: Buffer) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of body) await print(chunk as Buffer);
  } catch (error) {
    if (!signal.aborted) throw new Unreachable(`the log broke off: ${(error as Error).message}`);
  }
}
