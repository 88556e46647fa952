import type { Command } from 'commander';
import { isReady } from '../../api/metadata.ts';
import type { Restart } from '../command.ts';
import { Failure } from '../failure.ts';
import { booleanFlag, durationFlag } from '../flags.ts';
import { mergeObject, nameOf } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { refsOf } from '../targets.ts';
import { judgeReady } from '../wait-for.ts';
import type { Judge } from '../wait-for.ts';
import { waitOrFail } from '../waiting.ts';

interface RestartOptions {
  wait?: boolean;
  timeout: number;
}

type Restarts = ReadonlyMap<string, Restart>;

/** Owns what it sets: an apply, which does not send it, leaves it alone. */
const MANAGER = 'miniaws-restart';

export function addRestart(program: Command, setup: ClientSetup, restarts: Restarts): void {
  program
    .command('restart')
    .argument('<what...>', 'instance/NAME…, scalinggroup/NAME…')
    .description(
      'stop and start the process of instances, which keep their container, address and files; replace those of a scaling group one after the other, by what its image is now',
    )
    .option('--wait [yes]', 'wait until they are Ready again', booleanFlag)
    .option('--timeout <time>', 'how long to wait at most; 0: for ever', durationFlag, 300_000)
    .action(
      task<[string[]], RestartOptions>(setup, (session, [words], options) =>
        restart(session, words, options, restarts),
      ),
    );
}

async function restart(
  session: Session,
  words: readonly string[],
  options: RestartOptions,
  restarts: Restarts,
): Promise<void> {
  const refs = refsOf(session.kinds, words, session.namespace);
  const asked = refs.map((ref) => {
    const how = restarts.get(ref.kind);
    if (how) return { ref, how };
    const able = [...restarts.keys()].map((kind) => session.kinds.must(kind).plural);
    throw new Failure(`${nameOf(session.kinds, ref)} has no process to restart; ${able.join(' and ')} have`);
  });
  const at = new Date().toISOString();
  for (const { ref, how } of asked) {
    await mergeObject(session.client, ref, how.patch(at), MANAGER);
    session.print(`${nameOf(session.kinds, ref)} restart requested`);
  }
  if (options.wait)
    await waitOrFail(session, refs, judgeRestarted(at, restarts), { timeoutMs: options.timeout, what: 'ready' });
}

/** It was Ready before as well: what counts is that the status speaks of this request. */
const judgeRestarted =
  (at: string, restarts: Restarts): Judge =>
  (object, ref) => {
    const isDone = !object || (restarts.get(ref.kind)?.isCarriedOut?.(object, at) ?? true);
    if (isDone || !isReady(object)) return judgeReady(object, ref);
    return { is: 'waiting', why: 'the restart has not been carried out yet' };
  };
