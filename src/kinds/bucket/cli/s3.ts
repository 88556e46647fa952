import type { Command } from 'commander';
import { Option } from 'commander';
import { durationFlag, oneOfFlag } from '../../../cli/flags.ts';
import type { ClientSetup } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import type { CpOptions } from './cp.ts';
import { ENV_FORMATS, printEnv } from './env.ts';
import type { EnvOptions } from './env.ts';
import { Filters } from './globs.ts';
import type { DuOptions, LsOptions } from './listing.ts';
import type { PresignOptions } from './presign.ts';
import type { RmOptions } from './rm.ts';
import type { SyncOptions } from './sync.ts';

/** What follows `miniaws s3`. */
export const S3_WORDS = ['ls', 'cp', 'mv', 'rm', 'sync', 'presign', 'mb', 'rb', 'du', 'check', 'env'];
const METHODS = ['get', 'put'] as const;
const HOUR_MS = 3_600_000;

/** `miniaws s3`: awscli's commands, with its flags and its output. Each one's code is loaded when it is run. */
export function addS3(program: Command, setup: ClientSetup): void {
  const s3 = program.command('s3').description('buckets and their objects: see miniaws s3 --help');
  addLs(s3, setup);
  addCp(s3, setup, false);
  addCp(s3, setup, true);
  addRm(s3, setup);
  addSync(s3, setup);
  addPresign(s3, setup);
  addBuckets(s3, setup);
  addDu(s3, setup);
  addCheck(s3, setup);
  s3.command('env')
    .description('print the variables that set up S3\'s clients for this daemon and key: eval "$(miniaws s3 env)"')
    .option('-o, --output <format>', `one of ${ENV_FORMATS.join(', ')}`, oneOfFlag(ENV_FORMATS))
    .action(task<[], EnvOptions>(setup, (session, _, options) => printEnv(session, options)));
}

function addLs(s3: Command, setup: ClientSetup): void {
  s3.command('ls')
    .argument('[place]', 's3://BUCKET/PREFIX; left out: all buckets')
    .description('print buckets, or the objects and folders in one')
    .option('--recursive', 'objects of all folders below, by their whole keys')
    .option('--human-readable', 'sizes such as 1.5 MiB')
    .option('--summarize', 'and how many objects and bytes there are')
    .addHelpText(
      'after',
      examples('miniaws s3 ls s3://photos/2024/', 'miniaws s3 ls s3://photos --recursive --summarize'),
    )
    .action(
      task<[string | undefined], LsOptions>(setup, async (session, [place], options) =>
        (await import('./listing.ts')).ls(session, place, options),
      ),
    );
}

function addCp(s3: Command, setup: ClientSetup, isMove: boolean): void {
  const name = isMove ? 'mv' : 'cp';
  const command = s3
    .command(name)
    .argument(
      '<source>',
      isMove ? 'a path, or s3://BUCKET/KEY' : 'a path, s3://BUCKET/KEY, or - for the standard input',
    )
    .argument('<target>', isMove ? 'the same' : 'the same; - is the standard output')
    .description(
      isMove
        ? 'move files and objects: what was carried is removed where it was'
        : 'copy files into buckets, objects out of them, and from one to another',
    )
    .option('--recursive', 'a folder, with all that is in it');
  const filters = addFilters(command);
  addDryRun(describable(command)).addHelpText(
    'after',
    examples(
      `miniaws s3 ${name} beach.jpg s3://photos/2024/ --cache-control max-age=3600`,
      `miniaws s3 ${name} s3://photos/2024 ./2024 --recursive --exclude '*' --include '*.jpg'`,
      ...(isMove ? [] : ['tar c /etc | miniaws s3 cp - s3://backups/etc.tar']),
    ) + RESUMED,
  );
  command.action(
    task<[string, string], CpOptions & DryRun>(setup, async (session, places, options) =>
      (await import('./cp.ts')).cp(session, places, { ...options, ...dryRunOf(options), filters, isMove }),
    ),
  );
}

function addRm(s3: Command, setup: ClientSetup): void {
  const command = s3
    .command('rm')
    .argument('<place>', 's3://BUCKET/KEY')
    .description('delete objects; where the bucket keeps versions, they stay')
    .option('--recursive', 'a folder, with all that is in it');
  const filters = addFilters(command);
  addDryRun(command)
    .addHelpText('after', examples("miniaws s3 rm s3://photos/2024 --recursive --exclude '*.jpg' --dry-run"))
    .action(
      task<[string], RmOptions & DryRun>(setup, async (session, [place], options) =>
        (await import('./rm.ts')).rm(session, place, { ...options, ...dryRunOf(options), filters }),
      ),
    );
}

function addSync(s3: Command, setup: ClientSetup): void {
  const command = s3
    .command('sync')
    .argument('<source>', 'a folder, or s3://BUCKET/PREFIX')
    .argument('<target>', 'the same; one of them is in S3')
    .description('carry what is missing at the target, of another size, or older than at the source')
    .option('--delete', 'delete what the target has and the source has not')
    .option('--size-only', 'look at sizes alone')
    .option('--exact-timestamps', 'of a download: carry what is not of the same time, too');
  const filters = addFilters(command);
  addDryRun(describable(command)).addHelpText(
    'after',
    examples(
      'miniaws s3 sync ./pictures s3://photos/pictures --delete --dry-run',
      "miniaws s3 sync s3://photos/pictures ./pictures --exclude '.thumbnails/*'",
    ) + RESUMED,
  );
  command.action(
    task<[string, string], SyncOptions & DryRun>(setup, async (session, places, options) =>
      (await import('./sync.ts')).sync(session, places, { ...options, ...dryRunOf(options), filters }),
    ),
  );
}

function addPresign(s3: Command, setup: ClientSetup): void {
  s3.command('presign')
    .argument('<place>', 's3://BUCKET/KEY')
    .description('print a link by which anybody may get an object, or put one, for some time')
    .option('--expires-in <time>', 'how long: seconds, or 1h, 7d; no longer than the key', durationFlag, HOUR_MS)
    .option('--method <method>', `one of ${METHODS.join(', ')}`, oneOfFlag(METHODS), 'get')
    .addHelpText(
      'after',
      examples(
        'miniaws s3 presign s3://photos/beach.jpg --expires-in 1d',
        'curl -T beach.jpg "$(miniaws s3 presign s3://photos/beach.jpg --method put)"',
      ),
    )
    .action(
      task<[string], PresignOptions>(setup, async (session, [place], options) =>
        (await import('./presign.ts')).presign(session, place, options),
      ),
    );
}

function addBuckets(s3: Command, setup: ClientSetup): void {
  s3.command('mb')
    .argument('<bucket>', 's3://BUCKET')
    .description('make a bucket')
    .action(
      task<[string], object>(setup, async (session, [bucket]) => (await import('./buckets.ts')).mb(session, bucket)),
    );
  s3.command('rb')
    .argument('<bucket>', 's3://BUCKET')
    .description('remove a bucket that is empty')
    .option('--force', 'delete all that is in it first, with all versions')
    .action(
      task<[string], { force?: boolean }>(setup, async (session, [bucket], options) =>
        (await import('./buckets.ts')).rb(session, bucket, options),
      ),
    );
}

function addDu(s3: Command, setup: ClientSetup): void {
  s3.command('du')
    .argument('[place]', 's3://BUCKET/PREFIX; left out: all buckets')
    .description('print how many bytes and objects there are')
    .option('--versions', 'with the versions that are not the newest')
    .option('--human-readable', 'sizes such as 1.5 MiB')
    .action(
      task<[string | undefined], DuOptions>(setup, async (session, [place], options) =>
        (await import('./listing.ts')).du(session, place, options),
      ),
    );
}

function addCheck(s3: Command, setup: ClientSetup): void {
  s3.command('check')
    .argument('[bucket...]', 'left out: all that the key may see')
    .description('have the daemon read every object now, with all versions, and print what is damaged')
    .addHelpText(
      'after',
      `${examples('miniaws s3 check photos')}\nExit status 1: something is damaged, or not all could be read.\n`,
    )
    .action(
      task<[string[]], object>(setup, async (session, [buckets]) =>
        (await import('./check.ts')).check(session, buckets),
      ),
    );
}

const examples = (...lines: readonly string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`;

const RESUMED = '\nWhat breaks off goes on where it was when the same command is run again.\n';

/** Both flags fill one list, in the order of the command line. */
function addFilters(command: Command): Filters {
  const filters = new Filters();
  command
    .option(
      '--exclude <glob>',
      'leave out what matches; of several, the last one that matches decides',
      filters.exclude,
    )
    .option('--include <glob>', 'do not leave out what matches', filters.include);
  return filters;
}

const describable = (command: Command): Command =>
  command
    .option('--content-type <type>', "of what is put; left out: by the file's name")
    .option('--metadata <pairs>', 'name=value,name=value')
    .option('--cache-control <text>', 'a header of the answers to who reads it')
    .option('--content-disposition <text>', 'the same')
    .option('--content-encoding <text>', 'the same')
    .option('--content-language <text>', 'the same');

interface DryRun {
  dryRun?: boolean;
  /** awscli's spelling. */
  dryrun?: boolean;
}

const addDryRun = (command: Command): Command =>
  command.option('--dry-run', 'print what would be done, and do nothing').addOption(new Option('--dryrun').hideHelp());

const dryRunOf = ({ dryRun, dryrun }: DryRun) => ({ dryRun: (dryRun ?? dryrun) === true });
