import type { Command } from 'commander';
import { isReady, RESTARTED_AT } from '../../../api/metadata.ts';
import type { InstanceStatus } from '../types.ts';
import { Failure } from '../../../cli/failure.ts';
import { booleanFlag, durationFlag } from '../../../cli/flags.ts';
import { mergeObject, nameOf } from '../../../cli/objects.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { refsOf } from '../../../cli/targets.ts';
import { judgeReady } from '../../../cli/wait-for.ts';
import type { Judge } from '../../../cli/wait-for.ts';
import { waitOrFail } from '../../../cli/waiting.ts';

interface RestartOptions {
  wait?: boolean;
  timeout: number;
}

/** Owns the annotation: an apply, which does not send it, leaves it alone. */
const MANAGER = 'miniaws-restart';

export function addRestart(program: Command, setup: ClientSetup): void {
  program
    .command('restart')
    .argument('<what...>', 'instance/NAME…')
    .description('stop and start the process of instances, which keep their container, address and files')
    .option('--wait [yes]', 'wait until they are Ready again', booleanFlag)
    .option('--timeout <time>', 'how long to wait at most; 0: for ever', durationFlag, 300_000)
    .action(task<[string[]], RestartOptions>(setup, (session, [words], options) => restart(session, words, options)));
}

async function restart(session: Session, words: readonly string[], options: RestartOptions): Promise<void> {
  const refs = refsOf(session.kinds, words, session.namespace);
  const other = refs.find((ref) => ref.kind !== 'Instance');
  if (other) throw new Failure(`${nameOf(session.kinds, other)} has no process to restart; only instances have`);
  const at = new Date().toISOString();
  for (const ref of refs) {
    await mergeObject(session.client, ref, { metadata: { annotations: { [RESTARTED_AT]: at } } }, MANAGER);
    session.print(`${nameOf(session.kinds, ref)} restart requested`);
  }
  if (options.wait) await waitOrFail(session, refs, judgeRestarted(at), { timeoutMs: options.timeout, what: 'ready' });
}

/** It was Ready before as well: what counts is that the status speaks of this request. */
const judgeRestarted =
  (at: string): Judge =>
  (object, ref) => {
    const done = (object?.status as InstanceStatus | undefined)?.restartedAt;
    if (!object || !isReady(object) || (done !== undefined && done >= at)) return judgeReady(object, ref);
    return { is: 'waiting', why: 'the restart has not been carried out yet' };
  };
