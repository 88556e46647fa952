import type { Command } from 'commander';
import { documentSchema, fieldsIn } from '../../api/fields.ts';
import type { Field } from '../../api/fields.ts';
import { groupOf } from '../../api/kind.ts';
import type { JsonSchema, KindDefinition } from '../../api/kind.ts';
import { nearest } from '../../api/registry.ts';
import { fieldList, fieldTree, oneField } from '../explained.ts';
import { Failure } from '../failure.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { kindOf } from '../targets.ts';

export function addExplain(program: Command, setup: ClientSetup): void {
  program
    .command('explain')
    .argument('<what>', 'KIND, or KIND.FIELD.FIELD such as instance.spec.healthCheck')
    .description('print what the fields of a kind mean and may hold; needs no server')
    .option('-r, --recursive', 'the fields within fields too, by name and type')
    .action(
      task<[string], { recursive?: boolean }>(setup, async (session, [what], options) =>
        explain(session, what, options.recursive === true),
      ),
    );
}

function explain(session: Session, what: string, recursive: boolean): void {
  const [word = '', ...path] = wordsOf(session, what);
  const kind = kindOf(session.kinds, word);
  const { schema, field } = find(kind, path);
  const lines = [
    ...(groupOf(kind) === '' ? [] : [`GROUP:    ${groupOf(kind)}`]),
    `KIND:     ${kind.kind}`,
    `VERSION:  ${kind.apiVersion.split('/').at(-1)}`,
    '',
    ...oneField(path.join('.'), field, schema),
  ];
  const below = recursive ? fieldTree(schema) : fieldList(schema);
  session.print([...lines, ...(below.length > 0 ? ['', 'FIELDS:', ...below] : [])].join('\n'));
}

/** The kind and its path; a kind may be said with its group, as kubectl prints it: `instances.miniaws.dev.spec`. */
function wordsOf({ kinds }: Session, what: string): string[] {
  const [word = '', ...path] = what.split('.');
  const kind = kinds.byAnyName(word);
  const group = kind ? groupOf(kind).split('.') : [];
  const isNamed = group.length > 1 && group.every((part, at) => path[at] === part);
  return [word, ...(isNamed ? path.slice(group.length) : path)];
}

/** Goes down the path. Throws a Failure that names the nearest field where there is none of the name. */
function find(kind: KindDefinition, path: readonly string[]): { schema: JsonSchema; field: Field | undefined } {
  let schema = documentSchema(kind);
  let field: Field | undefined;
  path.forEach((name, depth) => {
    const fields = fieldsIn(schema);
    field = fields.find((f) => f.name === name);
    if (!field) throw new Failure(unknown(kind, path, depth, fields));
    schema = field.schema;
  });
  return { schema, field };
}

function unknown(kind: KindDefinition, path: readonly string[], depth: number, fields: readonly Field[]): string {
  const place = [kind.singular, ...path.slice(0, depth)].join('.');
  const word = path[depth] ?? '';
  const names = fields.map(({ name }) => name);
  if (names.length === 0) return `${place} has no fields that are known here`;
  const near = placeOf(kind, path, depth) ?? nearest(word, names);
  return `${place} has no field "${word}"; ${near === undefined ? `there are ${names.join(', ')}` : `did you mean "${near}"?`}`;
}

/** Where the path leads when the member that holds it was left out: `instance.image` is `instance.spec.image`. */
function placeOf(kind: KindDefinition, path: readonly string[], depth: number): string | undefined {
  const [first = ''] = path;
  if (depth > 0) return undefined;
  const members = Object.entries({ ...kind.content, status: kind.status });
  const found = members.find(([, schema]) => fieldsIn(schema).some(({ name }) => name === first));
  return found && [kind.singular, found[0], ...path].join('.');
}
