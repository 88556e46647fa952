#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { messageOf } from './base/errors.ts';
import { processIo } from './cli/io.ts';
import { homeKubeconfig } from './cli/kubeconfig.ts';
import { addClientCommands, runClient, separated } from './cli/program.ts';
import type { ClientSetup } from './cli/session.ts';
import { COMMANDS, KINDS } from './kinds/index.ts';
import { dataFolderAt, defaultDataDir } from './host/data-folder.ts';

/** The `miniaws` command: the API's commands from `cli/`, the machine's own from `commands/`. */
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** That of the machine itself, where there is one; elsewhere that of `miniaws login`. */
function defaultKubeconfig(): string {
  const ofMachine = dataFolderAt(defaultDataDir()).adminKubeconfig;
  const ofHome = homeKubeconfig(process.env);
  return !existsSync(ofMachine) && existsSync(ofHome) ? ofHome : ofMachine;
}

const setup: ClientSetup = {
  io: processIo,
  kinds: KINDS,
  defaultKubeconfig,
  version,
};

/** A client command must start quickly: the daemon's half of the program is loaded only when it may be meant. */
async function makeProgram(word: string | undefined): Promise<Command> {
  const program = new Command('miniaws').description('a small cloud on Docker');
  addClientCommands(program, setup, COMMANDS);
  const isClient = program.commands.some((c) => c.name() === word || c.aliases().includes(word ?? ''));
  if (!isClient) {
    const { addMachineCommands } = await import('./commands/all.ts');
    addMachineCommands(program, version, (args) => runClient(setup, COMMANDS, args));
  }
  return program;
}

try {
  const args = process.argv.slice(2);
  const program = await makeProgram(args.find((arg) => !arg.startsWith('-')));
  await program.parseAsync(separated(program, COMMANDS, args), { from: 'user' });
} catch (error) {
  process.stderr.write(`miniaws: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
