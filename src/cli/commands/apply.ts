import type { Command } from 'commander';
import type { ApplyOptions } from '../applying.ts';
import { Failure } from '../failure.ts';
import { booleanFlag, collectFlag, durationFlag } from '../flags.ts';
import type { ClientSetup } from '../session.ts';
import { task } from '../session.ts';

/** The manager that owns the fields which `miniaws apply` sets. */
export const FIELD_MANAGER = 'miniaws';

export function addApply(program: Command, setup: ClientSetup): void {
  program
    .command('apply')
    .description('make objects be as manifests say; all are checked before the first is changed')
    .requiredOption(
      '-f, --filename <path>',
      'file, folder, URL, or - for the standard input; may be repeated',
      collectFlag,
    )
    .option('-R, --recursive', 'read folders inside folders')
    .option('--dry-run [how]', 'ask the server what would happen, and change nothing', readDryRun)
    .option('--wait [yes]', 'wait until every object is Ready', booleanFlag)
    .option('--timeout <time>', 'how long to wait at most; 0: for ever', durationFlag, 300_000)
    .option('--force-conflicts', 'take over fields that others own')
    .option('--field-manager <name>', 'who owns the fields', FIELD_MANAGER)
    .action(
      task<[], ApplyOptions>(setup, async (session, _, options) => {
        const { apply } = await import('../applying.ts');
        await apply(session, options);
      }),
    );
}

function readDryRun(how: string): string {
  if (how === 'server' || how === 'none') return how;
  throw new Failure(`--dry-run: expected server or none, found "${how}"`);
}
