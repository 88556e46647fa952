import type { Command, Option } from 'commander';
import { documentSchema, fieldsIn } from '../api/fields.ts';
import type { KindDefinition } from '../api/kind.ts';
import type { KindRegistry } from '../api/registry.ts';

/** Asks for the names of objects of a kind. */
export type NamesOf = (kind: KindDefinition, namespace: string | undefined) => Promise<string[]>;

/** Commands whose words name objects, by what they take: any kind, or instances by name alone. */
const OF_ANY_KIND = ['get', 'describe', 'delete', 'edit', 'pause', 'resume', 'wait', 'reconcile-log', 'log', 'why'];
const OF_INSTANCES = ['logs', 'exec', 'restart', 'metrics'];
/** Of these, those that name them by their kind too. */
const WITH_KIND = ['restart', 'metrics'];
/** Of these a kind alone means something. */
const OF_KINDS = ['get', 'describe', 'delete', 'wait'];
const OUTPUTS = ['wide', 'yaml', 'json', 'name'];

/** What may stand where the cursor is; `words` is all that is written after `miniaws`, the last one perhaps empty. */
export async function candidates(
  program: Command,
  kinds: KindRegistry,
  words: readonly string[],
  namesOf: NamesOf,
): Promise<string[]> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const found = await options(program, kinds, before, current, namesOf);
  return [...new Set(found)].filter((word) => word.startsWith(current)).toSorted();
}

async function options(
  program: Command,
  kinds: KindRegistry,
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
  return objects(kinds, command.name(), rest, current, (kind) => namesOf(kind, namespace));
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
  kinds: KindRegistry,
  command: string,
  rest: readonly string[],
  current: string,
  namesOf: (kind: KindDefinition) => Promise<string[]>,
): Promise<string[]> {
  if (OF_INSTANCES.includes(command)) {
    if (command !== 'restart' && rest.length > 0) return [];
    const names = await namesOf(kinds.must('Instance'));
    return WITH_KIND.includes(command) ? names.map((name) => `instance/${name}`) : names;
  }
  if (command === 'top') return rest.length > 0 ? [] : ['instances'];
  if (command === 'explain') return rest.length > 0 ? [] : fieldPaths(kinds, current);
  if (command === 'completion') return ['bash', 'zsh', 'fish'];
  if (!OF_ANY_KIND.includes(command)) return [];
  const slash = current.indexOf('/');
  const kindWord = slash > 0 ? current.slice(0, slash) : (rest[0] ?? '');
  const kind = kindWord.includes('/') ? undefined : kinds.byAnyName(kindWord);
  if (slash > 0 && kind) return (await namesOf(kind)).map((name) => `${kindWord}/${name}`);
  if (kind) return namesOf(kind);
  const bare = OF_KINDS.includes(command) ? ['all', ...kinds.all.map((k) => k.plural)] : [];
  return [...bare, ...kinds.all.map((k) => `${k.singular}/`)];
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
