import type { Command } from 'commander';
import { Failure } from '../../../cli/failure.ts';
import { objectPath } from '../../../cli/objects.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { instanceOf } from './instances.ts';

interface ExecCommandOptions {
  stdin?: boolean;
  tty?: boolean;
}

export function addExec(program: Command, setup: ClientSetup): void {
  program
    .command('exec')
    .argument('<instance>', 'NAME, or instance/NAME')
    .argument('<command...>', 'the command and its arguments')
    .description('run a command inside an instance; the exit status is the command’s')
    .usage('[options] <instance> [--] <command...>')
    .option('-i, --stdin', 'pass the standard input on')
    .option('-t, --tty', 'give the command a terminal')
    .action(
      task<[string, string[]], ExecCommandOptions>(setup, (session, [instance, command], options) =>
        exec(session, instance, command, options),
      ),
    );
}

async function exec(
  session: Session,
  instance: string,
  command: readonly string[],
  options: ExecCommandOptions,
): Promise<void> {
  const { client, io, signal } = session;
  const [stdin, tty] = [options.stdin === true, options.tty === true];
  if (tty && stdin && !io.stdin.isTTY)
    throw new Failure('-t needs a terminal, and the standard input is none: leave -t out');
  const query = new URLSearchParams(command.map((word): [string, string] => ['command', word]));
  for (const [name, on] of Object.entries({ stdin, stdout: true, stderr: !tty, tty })) query.set(name, String(on));
  const path = `${objectPath(session.kinds, instanceOf(session, [instance]), 'exec')}?${query.toString()}`;
  const { runExec } = await import('./exec-stream.ts');
  const code = await runExec(client, path, io, { stdin, tty, signal });
  if (code !== 0) throw new Failure('', code);
}
