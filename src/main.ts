#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { backupCommands } from './commands/backup.ts';
import { downCommand } from './commands/down.ts';
import { installServiceCommand } from './commands/install-service.ts';
import { kubeconfigCommand } from './commands/kubeconfig.ts';
import { serveCommand } from './commands/serve.ts';
import { upCommand } from './commands/up.ts';
import { messageOf } from './base/errors.ts';

/** The `miniaws` command: the daemon and the machine's own commands from here, the API's from `cli/`. */
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function makeProgram(): Command {
  const program = new Command('miniaws').description('a small cloud on Docker').version(version);
  serveCommand(program, version);
  upCommand(program, async () => 0);
  downCommand(program);
  backupCommands(program);
  kubeconfigCommand(program);
  installServiceCommand(program);
  return program;
}

makeProgram()
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`miniaws: ${messageOf(error)}\n`);
    process.exitCode = 1;
  });
