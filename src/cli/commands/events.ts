import type { Command } from 'commander';
import { eventRow } from '../core-event.ts';
import type { CoreEvent } from '../core-event.ts';
import { countFlag } from '../flags.ts';
import { follow } from '../follow.ts';
import { eventsPath, involving } from '../objects.ts';
import type { ObjectList } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns } from '../table.ts';
import { refOfWords } from '../targets.ts';

interface EventsOptions {
  allNamespaces?: boolean;
  watch?: boolean;
  for?: string;
  limit: number;
  headers: boolean;
}

export function addEvents(program: Command, setup: ClientSetup): void {
  program
    .command('events')
    .description('print what happened to objects, oldest first')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-w, --watch', 'go on and print new ones')
    .option('--for <object>', 'only those of KIND/NAME')
    .option('--limit <n>', 'the latest so many', countFlag, 200)
    .option('--no-headers', 'print no headings')
    .action(task<[], EventsOptions>(setup, (session, _, options) => events(session, options)));
}

async function events(session: Session, options: EventsOptions): Promise<void> {
  const { client, signal, lost } = session;
  const namespace = options.allNamespaces ? undefined : session.namespace;
  const fieldSelector = options.for
    ? involving(refOfWords(session.kinds, [options.for], session.namespace))
    : undefined;
  const query = { fieldSelector, limit: options.limit };
  const columns = new Columns();
  const print = (items: readonly CoreEvent[], headers: boolean) => {
    const now = new Date();
    const rows = items.map((event) => rowOf(session, event, now, options));
    const lines = columns.lines(headers ? [heading(options), ...rows] : rows);
    if (lines.length > 0) session.print(lines.join('\n'));
  };
  if (!options.watch) {
    const { items } = await client.get<ObjectList<CoreEvent>>(eventsPath(namespace), { query });
    if (items.length === 0) return session.tell('No events found');
    return print(items, options.headers);
  }
  const seen = new Set<string>();
  for await (const change of follow<ObjectList<CoreEvent>, CoreEvent>(client, eventsPath(namespace), {
    query,
    signal,
    onLost: lost,
  })) {
    const items = change.type === 'LIST' ? change.list.items : [change.object];
    const fresh = items.filter(({ metadata }) => !seen.has(`${metadata.name} ${metadata.resourceVersion}`));
    for (const { metadata } of fresh) seen.add(`${metadata.name} ${metadata.resourceVersion}`);
    print(fresh, change.type === 'LIST' && options.headers && fresh.length === seen.size);
  }
}

const heading = (options: EventsOptions): string[] => [
  ...(options.allNamespaces ? ['NAMESPACE'] : []),
  'LAST SEEN',
  'TYPE',
  'REASON',
  'OBJECT',
  'MESSAGE',
];

function rowOf({ colors }: Session, event: CoreEvent, now: Date, options: EventsOptions): string[] {
  const [age = '', type = '', reason = '', message = ''] = eventRow(event, now, colors);
  const { kind, name, namespace } = event.involvedObject;
  return [...(options.allNamespaces ? [namespace] : []), age, type, reason, `${kind.toLowerCase()}/${name}`, message];
}
