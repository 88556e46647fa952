import { refIn } from '../../api/kind.ts';
import type { Command } from 'commander';
import type { Resource } from '../../api/metadata.ts';
import { StatusError } from '../../base/errors.ts';
import { TABLE } from '../client.ts';
import { Failure, tell } from '../failure.ts';
import { collectionPath, objectPath } from '../objects.ts';
import { renderFor } from '../render.ts';
import type { Render } from '../render.ts';
import { selectObjects } from '../select.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { TablePrinter } from '../table.ts';
import type { Table } from '../table.ts';
import { targetsOf } from '../targets.ts';
import type { Target } from '../targets.ts';
import { watchObjects, watchTables } from '../watch.ts';

interface GetOptions {
  allNamespaces?: boolean;
  selector?: string;
  fieldSelector?: string;
  output?: string;
  watch?: boolean;
  headers: boolean;
  ignoreNotFound?: boolean;
  showManagedFields?: boolean;
}

export function addGet(program: Command, setup: ClientSetup): void {
  program
    .command('get')
    .argument('<what...>', 'KIND, KIND NAME…, KIND/NAME…, several kinds by commas, or all')
    .description('print objects')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'only those with these labels, such as app=web,tier!=test')
    .option('--field-selector <fields>', 'only those with these fields, such as status.phase=Running')
    .option('-o, --output <format>', 'wide, yaml, json, name, or jsonpath={.status.phase}')
    .option('-w, --watch', 'go on and print changes')
    .option('--no-headers', 'print no headings')
    .option('--ignore-not-found', 'say nothing of named objects that do not exist')
    .option('--show-managed-fields', 'print field owners in yaml and json')
    .action(
      task<[string[]], GetOptions>(setup, (session, [words], options) =>
        get(session, targetsOf(session.kinds, words), options),
      ),
    );
}

/** Prints what is named, as `get` does. */
export async function get(session: Session, targets: readonly Target[], options: GetOptions): Promise<void> {
  const render = renderFor(session.kinds, options.output, options.showManagedFields === true);
  if (options.allNamespaces && targets.some((t) => t.names))
    throw new Failure('objects cannot be named across all namespaces: give -n NAMESPACE, or leave the names out');
  if (options.watch) return watch(session, targets, render, options);
  return render ? getObjects(session, targets, render, options) : getTables(session, targets, options);
}

const scopeOf = (session: Session, { allNamespaces }: GetOptions): string | undefined =>
  allNamespaces ? undefined : session.namespace;

const selectorsOf = ({ selector, fieldSelector }: GetOptions) => ({ labelSelector: selector, fieldSelector });

const printerFor = (session: Session, target: Target, several: boolean, options: GetOptions): TablePrinter =>
  new TablePrinter({
    wide: options.output === 'wide',
    namespaces: options.allNamespaces === true,
    headers: options.headers,
    prefix: several ? `${target.kind.singular}/` : '',
    colors: session.colors,
  });

async function getTables(session: Session, targets: readonly Target[], options: GetOptions): Promise<void> {
  let printed = 0;
  const missing: string[] = [];
  for (const target of targets) {
    const tables = await readTables(session, target, options, missing);
    if (tables.every((table) => !table.rows?.length)) continue;
    if (printed++ > 0) session.print('');
    const [first, ...rest] = tables;
    const rows = [...(first?.rows ?? []), ...rest.flatMap((table) => table.rows ?? [])];
    const lines = printerFor(session, target, targets.length > 1, options).lines({ metadata: {}, ...first, rows });
    session.print(lines.join('\n'));
  }
  tellMissing(session, missing, options);
  if (printed > 0 || missing.length > 0) return;
  const scope = scopeOf(session, options);
  session.tell(scope === undefined ? 'No resources found' : `No resources found in ${scope} namespace.`);
}

/** The server's tables of what the target means; of named objects one each. */
async function readTables(session: Session, target: Target, options: GetOptions, missing: string[]): Promise<Table[]> {
  const { client } = session;
  const namespace = scopeOf(session, options);
  const { kind, names } = target;
  const query = selectorsOf(options);
  if (!names) return [await client.get<Table>(collectionPath(kind, namespace), { accept: TABLE, query })];
  const paths = names.map((name) => objectPath(session.kinds, refIn(kind, namespace, name)));
  const found = await Promise.all(
    paths.map((path) =>
      client.get<Table>(path, { accept: TABLE }).catch((error: unknown) => {
        if (!(error instanceof StatusError) || error.reason !== 'NotFound') throw error;
        missing.push(tell(error));
        return [];
      }),
    ),
  );
  return found.flat();
}

function tellMissing(session: Session, missing: readonly string[], { ignoreNotFound }: GetOptions): void {
  if (missing.length === 0 || ignoreNotFound) return;
  for (const message of missing) session.tell(`error: ${message}`);
  throw new Failure('');
}

async function getObjects(
  session: Session,
  targets: readonly Target[],
  render: Render,
  options: GetOptions,
): Promise<void> {
  const { objects, missing } = await selectObjects(
    session.client,
    targets,
    scopeOf(session, options),
    selectorsOf(options),
  );
  const single = targets.length === 1 && targets[0]?.names?.length === 1;
  const text = objects.length > 0 || !single ? render(objects, single) : '';
  if (text !== '') session.print(text);
  tellMissing(
    session,
    missing.map(({ message }) => message),
    options,
  );
}

async function watch(
  session: Session,
  targets: readonly Target[],
  render: Render | undefined,
  options: GetOptions,
): Promise<void> {
  const [target, ...more] = targets;
  if (!target || more.length > 0 || (target.names && target.names.length > 1))
    throw new Failure('-w follows one kind, or one object of it');
  const [name] = target.names ?? [];
  const byName = name === undefined ? undefined : `metadata.name=${name}`;
  const fieldSelector = [byName, options.fieldSelector].filter(Boolean).join(',') || undefined;
  const path = collectionPath(target.kind, scopeOf(session, options));
  const query = { ...selectorsOf(options), fieldSelector };
  if (render) return watchObjects(session, path, query, (object: Resource) => render([object], true));
  return watchTables(session, path, query, printerFor(session, target, false, options));
}
