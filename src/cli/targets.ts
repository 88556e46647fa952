import type { Ref } from '../api/metadata.ts';
import { nearest } from '../api/registry.ts';
import type { KindRegistry } from '../api/registry.ts';
import { refIn } from '../api/kind.ts';
import type { KindDefinition } from '../api/kind.ts';
import { Failure } from './failure.ts';

/** Objects as a person names them: all of a kind, or some by name. */
export interface Target {
  kind: KindDefinition;
  /** `undefined`: all of them. */
  names?: string[];
}

/** The word that stands for every kind of the category. */
const CATEGORY_ALL = 'all';

/** A kind by any of its names, with or without its group: `vpc`, `VPCs`, `instances.miniaws.dev`. Throws a Failure with the nearest. */
export function kindOf(kinds: KindRegistry, word: string): KindDefinition {
  const found = kinds.byAnyName(word.split('.')[0] ?? '');
  if (found) return found;
  const near = nearest(
    word,
    kinds.all.flatMap((k) => [k.singular, k.plural, ...k.shortNames]),
  );
  const hint = near ? `did you mean "${near}"?` : `there are ${kinds.all.map((k) => k.plural).join(', ')}`;
  throw new Failure(`no kind "${word}" is known; ${hint}`);
}

/** `KIND`, `KIND,KIND`, `all`, `KIND NAME…` or `KIND/NAME…`. */
export function targetsOf(kinds: KindRegistry, words: readonly string[]): Target[] {
  const [first, ...names] = words;
  if (first === undefined)
    throw new Failure(`name a kind (${kinds.all.map((k) => k.plural).join(', ')}, all), or KIND/NAME`);
  if (words.some((word) => word.includes('/'))) return gathered(words.map((word) => slashed(kinds, word)));
  const named = first
    .split(',')
    .filter(Boolean)
    .flatMap((word) => kindsOf(kinds, word));
  return [...new Set(named)].map((kind) => (names.length > 0 ? { kind, names } : { kind }));
}

const kindsOf = (kinds: KindRegistry, word: string): readonly KindDefinition[] =>
  word === CATEGORY_ALL ? kinds.all.filter((k) => k.categories.includes(CATEGORY_ALL)) : [kindOf(kinds, word)];

function slashed(kinds: KindRegistry, word: string): { kind: KindDefinition; name: string } {
  const [kind = '', name = '', more] = word.split('/');
  if (name === '' || more !== undefined)
    throw new Failure(`"${word}" is not KIND/NAME; either all arguments are, or none`);
  return { kind: kindOf(kinds, kind), name };
}

function gathered(pairs: readonly { kind: KindDefinition; name: string }[]): Target[] {
  const byKind = new Map<KindDefinition, string[]>();
  for (const { kind, name } of pairs) byKind.set(kind, [...(byKind.get(kind) ?? []), name]);
  return [...byKind].map(([kind, names]) => ({ kind, names }));
}

/** Objects by name only: for commands that act on what is named. Throws a Failure when a kind comes without one. */
export function refsOf(kinds: KindRegistry, words: readonly string[], namespace: string): Ref[] {
  return targetsOf(kinds, words).flatMap(({ kind, names }) => {
    if (!names) throw new Failure(`name the ${kind.singular}: ${kind.singular}/NAME`);
    return names.map((name) => refIn(kind, namespace, name));
  });
}

/** Exactly one object: `KIND/NAME` or `KIND NAME`. */
export function refOfWords(kinds: KindRegistry, words: readonly string[], namespace: string): Ref {
  const [ref, more] = refsOf(kinds, words, namespace);
  if (!ref || more) throw new Failure('name exactly one object: KIND/NAME');
  return ref;
}
