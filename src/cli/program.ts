import { Command, CommanderError } from 'commander';
import { COMMAND_GROUPS } from './command.ts';
import type { ClientCommand, KindCommands, Operands } from './command.ts';
import { addCanI, addWhoami } from './commands/access.ts';
import { addAudit } from './commands/audit.ts';
import { addContexts, addLogin } from './commands/login.ts';
import { addApply } from './commands/apply.ts';
import { addCompletion, SHELLS } from './commands/completion.ts';
import { addDelete } from './commands/delete.ts';
import { addDescribe } from './commands/describe.ts';
import { addDiff } from './commands/diff.ts';
import { addEdit } from './commands/edit.ts';
import { addEvents } from './commands/events.ts';
import { addExplain } from './commands/explain.ts';
import { addGet } from './commands/get.ts';
import { addHistory } from './commands/history.ts';
import { addMetrics } from './commands/metrics.ts';
import { addImages } from './commands/images.ts';
import { addRotateMasterKey } from './commands/rotate-master-key.ts';
import { addOrphans } from './commands/orphans.ts';
import { addRestart } from './commands/restart.ts';
import { addRollback } from './commands/rollback.ts';
import { addPause } from './commands/pause.ts';
import { addReconcileLog } from './commands/reconcile-log.ts';
import { addVolumes } from './commands/volumes.ts';
import { addVersion } from './commands/version.ts';
import { addWait } from './commands/wait.ts';
import { addWhy } from './commands/why.ts';
import { takesValue } from './completion.ts';
import { durationFlag } from './flags.ts';
import type { ClientSetup } from './session.ts';

/** Those that are the same for all kinds. */
const COMMANDS: readonly ClientCommand[] = [
  { group: 'What is wanted', add: addApply },
  { group: 'What is wanted', add: addDiff },
  { group: 'What is wanted', add: addDelete, operands: { delete: { kindAlone: true, many: true } } },
  { group: 'What is wanted', add: addEdit, operands: { edit: {} } },
  { group: 'What is wanted', add: addPause, operands: { pause: { many: true }, resume: { many: true } } },
  { group: 'What is wanted', add: addExplain, operands: { explain: { fields: true } } },
  { group: 'What there is', add: addGet, operands: { get: { kindAlone: true, many: true } } },
  { group: 'What there is', add: addDescribe, operands: { describe: { kindAlone: true, many: true } } },
  { group: 'What there is', add: addWait, operands: { wait: { kindAlone: true, many: true } } },
  { group: 'What there is', add: addImages },
  { group: 'What there is', add: addVolumes },
  { group: 'What there is', add: addOrphans },
  { group: 'What there is', add: addRotateMasterKey },
  { group: 'What happened', add: addWhy, operands: { why: {} } },
  { group: 'What happened', add: addReconcileLog, operands: { 'reconcile-log': {}, log: {} } },
  { group: 'What happened', add: addEvents },
  { group: 'Who may do what', add: addWhoami },
  { group: 'Who may do what', add: addCanI },
  { group: 'Who may do what', add: addAudit },
  { group: 'Who may do what', add: addLogin },
  { group: 'Who may do what', add: addContexts },
  { group: 'The command itself', add: addVersion },
];

/** Every command that is a client of the API, and the flags that they share (before or after the command's name). */
export function addClientCommands(program: Command, setup: ClientSetup, ofKinds: KindCommands): void {
  program
    .option('-n, --namespace <name>', "namespace (default: the kubeconfig context's, else default)")
    .option('--kubeconfig <file>', "where the server and the key are (default: KUBECONFIG, else the data folder's)")
    .option('--context <name>', 'context of the kubeconfig')
    .option('--server <url>', "https address, in place of the kubeconfig's")
    .option('--request-timeout <time>', 'how long one answer may take; 0: for ever', durationFlag)
    .option('--no-color', 'no colour (NO_COLOR does the same)')
    .version(setup.version, '--version', 'print the version of this command')
    .showHelpAfterError('(see miniaws --help)');
  const metrics: ClientCommand = {
    group: 'What there is',
    add: (to, given) => addMetrics(to, given, ofKinds.metrics),
    operands: { metrics: { kinds: [...ofKinds.metrics.keys()] } },
  };
  const restart: ClientCommand = {
    group: 'What is wanted',
    add: (to, given) => addRestart(to, given, ofKinds.restarts),
    operands: { restart: { kinds: [...ofKinds.restarts.keys()], many: true } },
  };
  const rollback: ClientCommand = {
    group: 'What is wanted',
    add: (to, given) => addRollback(to, given, ofKinds.rollbacks),
    operands: { rollback: {} },
  };
  const history: ClientCommand = {
    group: 'What happened',
    add: (to, given) => addHistory(to, given, ofKinds.histories),
    operands: { history: {} },
  };
  const completion: ClientCommand = {
    group: 'The command itself',
    add: (to, given) => addCompletion(to, given, operandsOf(all)),
    operands: { completion: { words: SHELLS } },
  };
  const all = [...COMMANDS, restart, rollback, metrics, history, completion, ...ofKinds.commands];
  for (const group of COMMAND_GROUPS) {
    program.commandsGroup(`${group}:`);
    for (const command of all) if (command.group === group) command.add(program, setup);
  }
}

const operandsOf = (commands: readonly ClientCommand[]): ReadonlyMap<string, Operands> =>
  new Map(commands.flatMap(({ operands = {} }) => Object.entries(operands)));

/** With `--` where the words of another program begin: `exec web ls -la`. */
export function separated(program: Command, ofKinds: KindCommands, args: readonly string[]): string[] {
  const runners = ofKinds.commands.flatMap(({ runs }) => runs ?? []);
  const operands: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    const command = program.commands.find((c) => c.name() === operands[0]);
    if (word === '--') break;
    if (takesValue(program, word) || takesValue(command, word)) at++;
    else if (!word.startsWith('-')) operands.push(word);
    if (operands[0] !== undefined && !runners.includes(operands[0])) break;
    if (operands.length === 3) return [...args.slice(0, at), '--', ...args.slice(at)];
  }
  return [...args];
}

/** Runs one client command in this process, for commands that are made of others. Answers its exit status. */
export async function runClient(setup: ClientSetup, ofKinds: KindCommands, args: readonly string[]): Promise<number> {
  const { io } = setup;
  let code = 0;
  const setExitCode = (given: number) => void (code = given);
  const program = new Command('miniaws').exitOverride().configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
  });
  addClientCommands(program, { ...setup, io: { ...io, setExitCode } }, ofKinds);
  try {
    await program.parseAsync(separated(program, ofKinds, args), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  return code;
}
