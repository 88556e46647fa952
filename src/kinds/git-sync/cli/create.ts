import type { Command } from 'commander';
import { FIELD_MANAGER } from '../../../cli/commands/apply.ts';
import { durationFlag } from '../../../cli/flags.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { toYaml } from '../../../cli/yaml.ts';
import { gitSyncKind } from '../definition.ts';

interface CreateOptions {
  url: string;
  branch?: string;
  path?: string;
  prune?: boolean;
  interval?: string;
  credentials?: string;
  dryRun?: boolean;
  wait: boolean;
  timeout: number;
}

export function addCreate(sync: Command, setup: ClientSetup): void {
  sync
    .command('create')
    .argument('<name>', 'of the new sync')
    .description('print the manifest of a sync, apply it, and wait until all of the repository is Ready')
    .requiredOption('--url <url>', 'the repository: https, http, ssh or file')
    .option('--branch <name>', "the branch that is followed; the remote's default when left out")
    .option('--path <folder>', 'the folder in the repository; all of it when left out')
    .option('--prune', 'delete what is no longer in the repository')
    .option('--interval <time>', 'how often the remote is asked, such as 30s')
    .option('--credentials <secret>', 'the Secret with the credentials for the remote')
    .option('--dry-run', 'print the manifest only')
    .option('--no-wait', 'do not wait')
    .option('--timeout <time>', 'how long to wait at most; 0: for ever', durationFlag, 300_000)
    .action(task<[string], CreateOptions>(setup, (session, [name], options) => create(session, name, options)));
}

async function create(session: Session, name: string, options: CreateOptions): Promise<void> {
  const text = manifestOf(name, session.namespace, options);
  session.print(text);
  if (options.dryRun) return;
  const { applyText } = await import('../../../cli/applying.ts');
  const { wait, timeout } = options;
  await applyText(session, { file: 'sync create', text }, { wait, timeout, fieldManager: FIELD_MANAGER });
}

/** What is left out is the schema's default: it is not in the manifest. */
function manifestOf(name: string, namespace: string, options: CreateOptions): string {
  const { url, branch, path, prune, interval, credentials } = options;
  const given = { url, ref: branch === undefined ? undefined : { branch }, path, interval, prune, credentials };
  const spec = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { apiVersion, kind } = gitSyncKind;
  return toYaml({ apiVersion, kind, metadata: { name, namespace }, spec });
}
