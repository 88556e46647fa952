import type { Command, Option } from 'commander';
import { documentSchema, fieldsIn } from '../api/fields.ts';
import type { KindDefinition } from '../api/kind.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { Operands } from './command.ts';

/** Asks for the names of objects of a kind. */
export type NamesOf = (kind: KindDefinition, namespace: string | undefined) => Promise<string[]>;

const OUTPUTS = ['wide', 'yaml', 'json', 'name'];

/** What is known of the command. */
interface Known {
  program: Command;
  kinds: KindRegistry;
  /** By the command's name. */
  operands: ReadonlyMap<string, Operands>;
}

/** What may stand where the cursor is; `words` is all that is written after `miniaws`, the last one perhaps empty. */
export async function candidates(known: Known, words: readonly string[], namesOf: NamesOf): Promise<string[]> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const found = await options(known, before, current, namesOf);
  return [...new Set(found)].filter((word) => word.startsWith(current)).toSorted();
}

async function options(
  { program, kinds, operands }: Known,
  before: readonly string[],
  current: string,
  namesOf: NamesOf,
): Promise<string[]> {
  const { words, namespace } = operandsOf(program, before);
  const [name, ...rest] = words;
  const command = program.commands.find((c) => c.name() === name || c.aliases().includes(name ?? ''));
  if (before.includes('--')) return [];
  if (current.startsWith('-')) return flagsOf(command, program);
  const last = before.at(-1) ?? '';
  if (last === '-o' || last === '--output') return OUTPUTS;
  if (takesValue(command, last) || takesValue(program, last)) return [];
  if (!command) return commandsOf(program);
  const among = async (taken: Operands | undefined, rest: readonly string[]): Promise<string[]> => {
    if (!taken) return [];
    if ('words' in taken) return rest.length > 0 ? among(taken.followedBy, rest.slice(1)) : [...taken.words];
    if ('fields' in taken) return rest.length > 0 ? [] : fieldPaths(kinds, current);
    return objects(kinds, taken, rest, current, (kind) => namesOf(kind, namespace));
  };
  return among(operands.get(command.name()), rest);
}

/** Commands that are not hidden; commander tells by its help. */
const commandsOf = (program: Command): string[] =>
  program
    .createHelp()
    .visibleCommands(program)
    .map((c) => c.name());

const flagsOf = (command: Command | undefined, program: Command): string[] =>
  [...(command?.options ?? []), ...program.options].flatMap((o) => (o.long && !o.hidden ? [o.long] : []));

/** Whether the next word is the flag's value. */
export function takesValue(command: Command | undefined, flag: string): boolean {
  const option = command?.options.find((o: Option) => o.short === flag || o.long === flag);
  return option?.required === true;
}

/** The words that are neither flags nor their values, and the namespace that a flag names. */
function operandsOf(program: Command, before: readonly string[]): { words: string[]; namespace: string | undefined } {
  const words: string[] = [];
  let namespace: string | undefined;
  for (let i = 0; i < before.length; i++) {
    const word = before[i] ?? '';
    const command = program.commands.find((c) => c.name() === words[0]);
    if (!word.startsWith('-')) words.push(word);
    else if (takesValue(program, word) || takesValue(command, word)) {
      i++;
      if (word === '-n' || word === '--namespace') namespace = before[i];
    }
  }
  return { words, namespace };
}

async function objects(
  all: KindRegistry,
  { kinds: only, byName, kindAlone, many }: Exclude<Operands, { words: unknown } | { fields: unknown }>,
  rest: readonly string[],
  current: string,
  namesOf: (kind: KindDefinition) => Promise<string[]>,
): Promise<string[]> {
  const kinds = only ? only.map((kind) => all.must(kind)) : all.all;
  const first = rest[0]?.includes('/') ? undefined : all.byAnyName(rest[0] ?? '');
  if (rest.length > (first ? 1 : 0) && !many) return [];
  const withKind = async (kind: KindDefinition, word = kind.singular) =>
    (await namesOf(kind)).map((name) => `${word}/${name}`);
  if (byName) return (await Promise.all(kinds.map(namesOf))).flat();
  const slash = current.indexOf('/');
  const written = slash > 0 ? all.byAnyName(current.slice(0, slash)) : undefined;
  if (written) return withKind(written, current.slice(0, slash));
  if (first) return namesOf(first);
  if (only) return (await Promise.all(kinds.map((kind) => withKind(kind)))).flat();
  const alone = kindAlone ? ['all', ...kinds.map((k) => k.plural)] : [];
  return [...alone, ...kinds.map((k) => `${k.singular}/`)];
}

/** What may follow the last dot: kinds, or the fields of what is before it. */
function fieldPaths(kinds: KindRegistry, current: string): string[] {
  const [word = '', ...path] = current.split('.').slice(0, -1);
  const kind = kinds.byAnyName(word);
  if (!kind) return kinds.all.map((k) => k.singular);
  let fields = fieldsIn(documentSchema(kind));
  for (const name of path) fields = fieldsIn(fields.find((f) => f.name === name)?.schema ?? {});
  return fields.map(({ name }) => [word, ...path, name].join('.'));
}
