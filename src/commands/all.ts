import type { Command } from 'commander';
import { backupCommands } from './backup.ts';
import { databaseUrlCommand } from './database-url.ts';
import { downCommand } from './down.ts';
import { installServiceCommand } from './install-service.ts';
import { kubeconfigCommand } from './kubeconfig.ts';
import { serveCommand } from './serve.ts';
import { upCommand } from './up.ts';
import { verifyCommand } from './verify.ts';

/** The commands for the machine itself: they bring the daemon, its drivers and its database with them. */

export function addMachineCommands(
  program: Command,
  version: string,
  runClient: (args: readonly string[]) => Promise<number>,
): void {
  program.commandsGroup('This machine:');
  serveCommand(program, version);
  upCommand(program, runClient);
  downCommand(program);
  backupCommands(program);
  databaseUrlCommand(program);
  kubeconfigCommand(program);
  installServiceCommand(program);
  verifyCommand(program);
}
