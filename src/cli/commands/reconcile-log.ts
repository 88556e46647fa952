import type { Command } from 'commander';
import { countFlag, oneOfFlag } from '../flags.ts';
import { follow } from '../follow.ts';
import { entryLines } from '../log-entry.ts';
import type { ReconcileLog } from '../log-entry.ts';
import { involving, logPath } from '../objects.ts';
import type { ObjectList } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { refOfWords } from '../targets.ts';

interface LogOptions {
  allNamespaces?: boolean;
  follow?: boolean;
  limit: number;
  output?: 'json';
}

export function addReconcileLog(program: Command, setup: ClientSetup): void {
  program
    .command('reconcile-log')
    .alias('log')
    .argument('[object...]', 'KIND/NAME; all objects of the namespace when left out')
    .description(
      'print what the engine did and why, oldest first: one entry for each pass that did or failed something',
    )
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-f, --follow', 'go on and print new entries')
    .option('--limit <n>', 'the latest so many', countFlag, 50)
    .option('-o, --output <format>', 'json: one entry a line', oneOfFlag(['json']))
    .action(task<[string[]], LogOptions>(setup, (session, [words], options) => reconcileLog(session, words, options)));
}

async function reconcileLog(session: Session, words: readonly string[], options: LogOptions): Promise<void> {
  const { client, signal, lost } = session;
  const namespace = options.allNamespaces ? undefined : session.namespace;
  const fieldSelector = words.length > 0 ? involving(refOfWords(session.kinds, words, session.namespace)) : undefined;
  const query = { fieldSelector, limit: options.limit };
  const path = logPath(namespace);
  if (!options.follow) {
    const { items } = await client.get<ObjectList<ReconcileLog>>(path, { query });
    if (items.length === 0) return session.tell('No entries: the engine has done nothing here yet.');
    return items.forEach((item) => print(session, item, options));
  }
  const seen = new Set<string>();
  for await (const change of follow<ObjectList<ReconcileLog>, ReconcileLog>(client, path, {
    query,
    signal,
    onLost: lost,
  })) {
    for (const item of change.type === 'LIST' ? change.list.items : [change.object]) {
      // An entry that is repeated is updated: it has another number of attempts then.
      const key = `${item.entry.id} ${item.entry.attempts}`;
      if (!seen.has(key)) print(session, item, options);
      seen.add(key);
    }
  }
}

function print(session: Session, { entry }: ReconcileLog, options: LogOptions): void {
  session.print(options.output === 'json' ? JSON.stringify(entry) : entryLines(entry, session.colors).join('\n'));
}
