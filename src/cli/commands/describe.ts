import type { Command } from 'commander';
import { masked } from '../../api/encrypted.ts';
import { refOf } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import { formatAge } from '../../base/quantity.ts';
import type { ApiClient } from '../client.ts';
import { Failure } from '../failure.ts';
import type { CoreEvent } from '../core-event.ts';
import { eventRow } from '../core-event.ts';
import { printableAll } from '../io.ts';
import type { Colors } from '../io.ts';
import { eventsPath, involving } from '../objects.ts';
import type { ObjectList } from '../objects.ts';
import { selectObjects } from '../select.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns, tinted } from '../table.ts';
import { targetsOf } from '../targets.ts';
import type { Target } from '../targets.ts';
import { contentInOrder, natural, toYaml } from '../yaml.ts';

interface DescribeOptions {
  allNamespaces?: boolean;
  selector?: string;
}

/** Events shown of one object. */
const EVENTS = 20;

export function addDescribe(program: Command, setup: ClientSetup): void {
  program
    .command('describe')
    .argument('<what...>', 'KIND, KIND NAME… or KIND/NAME…')
    .description('print everything known of objects, with their events')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'only those with these labels')
    .action(
      task<[string[]], DescribeOptions>(setup, (session, [words], options) =>
        describe(session, targetsOf(session.kinds, words), options),
      ),
    );
}

async function describe(session: Session, targets: readonly Target[], options: DescribeOptions): Promise<void> {
  const { client } = session;
  const namespace = options.allNamespaces ? undefined : session.namespace;
  const { objects, missing } = await selectObjects(client, targets, namespace, { labelSelector: options.selector });
  for (const [i, object] of objects.entries()) {
    if (i > 0) session.print('\n');
    session.print(describeLines(session, printableAll(object), await eventsOf(client, object), new Date()).join('\n'));
  }
  for (const { message } of missing) session.tell(`error: ${message}`);
  if (missing.length > 0) throw new Failure('');
  if (objects.length === 0) session.tell('No resources found');
}

async function eventsOf(client: ApiClient, object: Resource): Promise<CoreEvent[]> {
  const { namespace, uid } = object.metadata;
  const fieldSelector = `${involving(refOf(object))},involvedObject.uid=${uid}`;
  const list = await client.get<ObjectList<CoreEvent>>(eventsPath(namespace), {
    query: { fieldSelector, limit: EVENTS },
  });
  return list.items;
}

function describeLines(
  { kinds, colors }: Session,
  described: Resource,
  events: readonly CoreEvent[],
  now: Date,
): string[] {
  const definition = kinds.get(described.kind);
  const object = definition ? masked(definition, described) : described;
  const { metadata, kind, status } = object;
  const shown = natural(kinds, object) as { status?: Record<string, unknown> };
  const { conditions: _, ...state } = shown.status ?? {};
  const conditions = (status?.conditions ?? []).map((c) => [
    c.type,
    tinted('Ready', c.status, colors),
    String(c.observedGeneration),
    formatAge(now.getTime() - Date.parse(c.lastTransitionTime)),
    c.reason,
    c.message,
  ]);
  return [
    ...new Columns().lines([
      ['Name:', metadata.name],
      ...(metadata.namespace ? [['Namespace:', metadata.namespace]] : []),
      ['Kind:', kind],
      [
        'Created:',
        `${metadata.creationTimestamp} (${formatAge(now.getTime() - Date.parse(metadata.creationTimestamp))} ago)`,
      ],
      ...(metadata.deletionTimestamp
        ? [['Deleted:', `${metadata.deletionTimestamp}, waiting for ${(metadata.finalizers ?? []).join(', ')}`]]
        : []),
      ['Generation:', String(metadata.generation)],
      ['Labels:', pairs(metadata.labels)],
      ['Annotations:', pairs(metadata.annotations)],
      ...(metadata.ownerReferences ?? []).map((o) => ['Owner:', `${o.kind}/${o.name}`]),
    ]),
    ...Object.entries(contentInOrder(kinds, object)).flatMap(([name, value]) => section(titled(name), value, colors)),
    ...section('Status', state, colors),
    ...table('Conditions', ['TYPE', 'STATUS', 'GENERATION', 'SINCE', 'REASON', 'MESSAGE'], conditions, colors),
    ...table(
      'Events',
      ['LAST SEEN', 'TYPE', 'REASON', 'MESSAGE'],
      events.map((e) => eventRow(e, now, colors)),
      colors,
    ),
  ];
}

/** `spec` as a heading. */
const titled = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

const pairs = (members: Record<string, string> | undefined): string =>
  Object.entries(members ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(', ') || '<none>';

function section(title: string, value: unknown, colors: Colors): string[] {
  if (typeof value === 'string' || typeof value === 'boolean') return [`${colors.bold(`${title}:`)} ${value}`];
  const empty = typeof value !== 'object' || value === null || Object.keys(value).length === 0;
  if (empty) return [`${colors.bold(`${title}:`)} <none>`];
  const lines = toYaml(value).trimEnd().split('\n');
  return [colors.bold(`${title}:`), ...lines.map((line) => `  ${line}`)];
}

function table(title: string, heading: string[], rows: readonly string[][], colors: Colors): string[] {
  if (rows.length === 0) return [`${colors.bold(`${title}:`)} <none>`];
  return [colors.bold(`${title}:`), ...new Columns().lines([heading, ...rows]).map((line) => `  ${line}`)];
}
