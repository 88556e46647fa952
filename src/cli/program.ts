import { Command, CommanderError } from 'commander';
import { addApply } from './commands/apply.ts';
import { addCompletion } from './commands/completion.ts';
import { addDelete } from './commands/delete.ts';
import { addDescribe } from './commands/describe.ts';
import { addDiff } from './commands/diff.ts';
import { addEdit } from './commands/edit.ts';
import { addEvents } from './commands/events.ts';
import { addExec } from '../kinds/instance/cli/exec.ts';
import { addGet } from './commands/get.ts';
import { addLogs } from '../kinds/instance/cli/logs.ts';
import { addMetrics } from './commands/metrics.ts';
import { addOrphans } from './commands/orphans.ts';
import { addPause } from './commands/pause.ts';
import { addReconcileLog } from './commands/reconcile-log.ts';
import { addRestart } from '../kinds/instance/cli/restart.ts';
import { addHistory } from '../kinds/scaling-group/cli/history.ts';
import { addRollback } from '../kinds/scaling-group/cli/rollback.ts';
import { addScale } from './commands/scale.ts';
import { addTop } from '../kinds/instance/cli/top.ts';
import { addVersion } from './commands/version.ts';
import { addWait } from './commands/wait.ts';
import { addWhy } from './commands/why.ts';
import { durationFlag } from './flags.ts';
import type { ClientSetup } from './session.ts';

/** In the order of the help: what changes objects, what shows them, what happens inside, what happened. */
const COMMANDS = [
  addApply,
  addDiff,
  addDelete,
  addEdit,
  addRestart,
  addScale,
  addRollback,
  addPause,
  addGet,
  addDescribe,
  addWhy,
  addHistory,
  addReconcileLog,
  addEvents,
  addWait,
  addTop,
  addMetrics,
  addLogs,
  addExec,
  addOrphans,
  addCompletion,
  addVersion,
];

/** Every command that is a client of the API, and the flags that they share (before or after the command's name). */
export function addClientCommands(program: Command, setup: ClientSetup): void {
  program
    .option('-n, --namespace <name>', "namespace (default: the kubeconfig context's, else default)")
    .option('--kubeconfig <file>', "where the server and the key are (default: KUBECONFIG, else the data folder's)")
    .option('--context <name>', 'context of the kubeconfig')
    .option('--server <url>', "https address, in place of the kubeconfig's")
    .option('--request-timeout <time>', 'how long one answer may take; 0: for ever', durationFlag)
    .option('--no-color', 'no colour (NO_COLOR does the same)')
    .showHelpAfterError('(see miniaws --help)');
  for (const add of COMMANDS) add(program, setup);
}

/** Runs one client command in this process, for commands that are made of others. Answers its exit status. */
export async function runClient(setup: ClientSetup, args: readonly string[]): Promise<number> {
  const { io } = setup;
  let code = 0;
  const setExitCode = (given: number) => void (code = given);
  const program = new Command('miniaws').exitOverride().configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
  });
  addClientCommands(program, { ...setup, io: { ...io, setExitCode } });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  return code;
}
