import type { Command } from 'commander';
import type { DiffOptions } from '../diffing.ts';
import { exitCodeOf, Failure, tell } from '../failure.ts';
import { collectFlag } from '../flags.ts';
import type { ClientSetup } from '../session.ts';
import { task } from '../session.ts';
import { FIELD_MANAGER } from './apply.ts';

/** As diff(1): 0 no difference, 1 differences, more than 1 an error. */
const DIFFERENT = 1;
const TROUBLE = 2;

export function addDiff(program: Command, setup: ClientSetup): void {
  program
    .command('diff')
    .description(
      'show what apply would change, and what the engine would do about it (exit status 1: it would change something)',
    )
    .requiredOption(
      '-f, --filename <path>',
      'file, folder, URL, or - for the standard input; may be repeated',
      collectFlag,
    )
    .option('-R, --recursive', 'read folders inside folders')
    .option('--force-conflicts', 'as apply with the same flag would')
    .option('--field-manager <name>', 'who applies', FIELD_MANAGER)
    .action(
      task<[], DiffOptions>(setup, async (session, _, options) => {
        const { diff } = await import('../diffing.ts');
        const changed = await diff(session, options).catch((error: unknown) => {
          throw new Failure(tell(error), Math.max(TROUBLE, exitCodeOf(error)));
        });
        if (changed) throw new Failure('', DIFFERENT);
      }),
    );
}
