import type { Command } from 'commander';
import type { ClientSetup } from '../session.ts';
import { task } from '../session.ts';
import { refOfWords } from '../targets.ts';

export function addEdit(program: Command, setup: ClientSetup): void {
  program
    .command('edit')
    .argument('<object...>', 'KIND/NAME')
    .description('change an object in $VISUAL, $EDITOR or vi')
    .action(
      task<[string[]], object>(setup, async (session, [words]) => {
        const { edit } = await import('../editing.ts');
        await edit(session, refOfWords(session.kinds, words, session.namespace));
      }),
    );
}
