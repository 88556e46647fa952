import { refIn } from '../api/kind.ts';
import type { Ref } from '../api/metadata.ts';
import type { OwnWay } from './command.ts';
import { Failure } from './failure.ts';
import { nameOf } from './objects.ts';
import type { Session } from './session.ts';
import { refOfWords } from './targets.ts';

type OwnWays<O> = ReadonlyMap<string, OwnWay<O>>;

/** One object by `KIND/NAME` or `KIND NAME`, or by its name alone where a kind is meant by that. */
export function objectOf<O>({ kinds, namespace }: Session, words: readonly string[], ways: OwnWays<O>): Ref {
  const [word = '', ...more] = words;
  const [kind] = [...ways].find(([, { byName }]) => byName) ?? [];
  if (kind === undefined || more.length > 0 || word.includes('/')) return refOfWords(kinds, words, namespace);
  return refIn(kinds.must(kind), namespace, word);
}

/** Throws a Failure for a flag that says nothing to the object's kind. */
export function checkFlags<O extends object>(session: Session, ref: Ref, given: O, known: readonly (keyof O)[]): void {
  const strange = (Object.keys(given) as (keyof O & string)[]).find((name) => !known.includes(name));
  if (strange === undefined) return;
  const flag = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new Failure(
    `${flag(strange)} means nothing to ${nameOf(session.kinds, ref)}, which takes ${known.map((name) => flag(String(name))).join(', ')}`,
  );
}
