import type { Command } from 'commander';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';

export function addVersion(program: Command, setup: ClientSetup): void {
  program
    .command('version')
    .description('print the version of this command and of the server')
    .option('--client', 'of this command only')
    .action(task<[], { client?: boolean }>(setup, (session, _, options) => version(session, options.client === true)));
}

async function version(session: Session, clientOnly: boolean): Promise<void> {
  session.print(`client ${session.setup.version}`);
  if (clientOnly) return;
  const { gitVersion } = await session.client.get<{ gitVersion: string }>('/version');
  session.print(`server ${gitVersion} at ${session.connection.server}`);
}
