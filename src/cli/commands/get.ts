import type { Command } from 'commander';
import type { Resource } from '../../api/metadata.ts';
import { API_VERSION, refOf } from '../../api/metadata.ts';
import { StatusError } from '../../base/errors.ts';
import { TABLE } from '../client.ts';
import { Failure, tell } from '../failure.ts';
import { follow } from '../follow.ts';
import { jsonPath, textOf } from '../jsonpath.ts';
import { collectionPath, nameOf, objectPath } from '../objects.ts';
import type { ObjectList } from '../objects.ts';
import { selectObjects } from '../select.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { TablePrinter } from '../table.ts';
import type { Table } from '../table.ts';
import { targetsOf } from '../targets.ts';
import type { Target } from '../targets.ts';
import { natural, toYaml } from '../yaml.ts';

export interface GetOptions {
  allNamespaces?: boolean;
  selector?: string;
  fieldSelector?: string;
  output?: string;
  watch?: boolean;
  watchOnly?: boolean;
  headers: boolean;
  ignoreNotFound?: boolean;
  showManagedFields?: boolean;
}

const FORMATS = ['wide', 'yaml', 'json', 'name'];

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
    .option('--watch-only', 'print changes only')
    .option('--no-headers', 'print no headings')
    .option('--ignore-not-found', 'say nothing of named objects that do not exist')
    .option('--show-managed-fields', 'print field owners in yaml and json')
    .action(
      task<[string[]], GetOptions>(setup, (session, [words], options) =>
        get(session, targetsOf(words), options),
      ),
    );
}

async function get(session: Session, targets: readonly Target[], options: GetOptions): Promise<void> {
  const { output } = options;
  if (output !== undefined && !FORMATS.includes(output) && !output.startsWith('jsonpath='))
    throw new Failure(`-o: expected one of ${FORMATS.join(', ')} or jsonpath={…}, found "${output}"`);
  if (options.allNamespaces && targets.some((t) => t.names))
    throw new Failure('objects cannot be named across all namespaces: give -n NAMESPACE, or leave the names out');
  if (options.watch || options.watchOnly) return watch(session, targets, options);
  return output === undefined || output === 'wide'
    ? getTables(session, targets, options)
    : getObjects(session, targets, output, options);
}

const scopeOf = (session: Session, options: GetOptions): string | undefined =>
  options.allNamespaces ? undefined : session.namespace;

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
  let missing = 0;
  for (const target of targets) {
    const { table, problems } = await readTable(session, target, options);
    for (const problem of problems) session.tell(`error: ${problem}`);
    missing += problems.length;
    if (!table.rows?.length) continue;
    if (printed++ > 0) session.print('');
    const lines = printerFor(session, target, targets.length > 1, options).lines(table);
    session.print(lines.join('\n'));
  }
  if (missing > 0) throw new Failure('');
  if (printed === 0 && !options.ignoreNotFound) tellNothing(session, options);
}

function tellNothing(session: Session, options: GetOptions): void {
  const scope = scopeOf(session, options);
  session.tell(scope === undefined ? 'No resources found' : `No resources found in ${scope} namespace.`);
}

/** One table of the target: of the list, or of the named objects together. */
async function readTable(
  { client, ...rest }: Session,
  target: Target,
  options: GetOptions,
): Promise<{ table: Table; problems: string[] }> {
  const namespace = scopeOf({ client, ...rest } as Session, options);
  if (!target.names) {
    const query = { labelSelector: options.selector, fieldSelector: options.fieldSelector };
    return { table: await client.get<Table>(collectionPath(target.kind, namespace), { accept: TABLE, query }), problems: [] };
  }
  return { table: { metadata: {} }, problems: [] };
}

async function getObjects(
  session: Session,
  targets: readonly Target[],
  format: string,
  options: GetOptions,
): Promise<void> {
  const selectors = { labelSelector: options.selector, fieldSelector: options.fieldSelector };
  const { objects, missing } = await selectObjects(session.client, targets, scopeOf(session, options), selectors);
  const single = targets.length === 1 && targets[0]?.names?.length === 1;
  if (objects.length > 0 || !single) session.print(render(objects, single, format, options));
  if (missing.length === 0 || options.ignoreNotFound) return;
  for (const { message } of missing) session.tell(`error: ${message}`);
  throw new Failure('');
}

function render(objects: readonly Resource[], single: boolean, format: string, options: GetOptions): string {
  if (format === 'name') return objects.map((object) => nameOf(refOf(object))).join('\n');
  if (format.startsWith('jsonpath=')) {
    const value = jsonPath(format.slice('jsonpath='.length));
    return objects.flatMap((object) => value(object)).map(textOf).join(' ');
  }
  const shown = objects.map((object) => natural(object, options.showManagedFields));
  const document = single ? shown[0] : { apiVersion: 'v1', kind: 'List', metadata: {}, items: shown };
  return format === 'yaml' ? toYaml(document).trimEnd() : JSON.stringify(document, null, 2);
}
