import { globPart, partsMatch } from '../../../base/glob.ts';
import type { GlobPart } from '../../../base/glob.ts';

/** The --include and --exclude of a command. The last one that matches a name decides; a name that none matches is included. */
export class Filters {
  readonly #rules: { glob: string; isIncluded: boolean }[] = [];

  /** Reader of the flag's value. Both flags add to one list, as their order matters. */
  readonly include = (glob: string): string => this.#add(glob, true);
  readonly exclude = (glob: string): string => this.#add(glob, false);

  has(name: string): boolean {
    return this.#rules.findLast(({ glob }) => matchesGlob(name, glob))?.isIncluded ?? true;
  }

  #add(glob: string, isIncluded: boolean): string {
    this.#rules.push({ glob, isIncluded });
    return glob;
  }
}

/**
 * As fnmatch has it, and awscli by it: `*` is any text, with slashes in it too, `?` one character, `[a-z]` one of these and `[!a-z]` one
 * of the others. In time of the two lengths' product at most.
 */
export const matchesGlob = (text: string, glob: string): boolean => partsMatch(partsOf(glob), text);

function partsOf(glob: string): GlobPart[] {
  const characters = Array.from(glob);
  const parts: GlobPart[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    // A bracket that begins a class may be its first member: `[]]`, `[!]]`.
    const first = at + (characters[at + 1] === '!' ? 2 : 1);
    const end = character === '[' ? characters.indexOf(']', first + 1) : -1;
    if (end > 0) {
      const isOther = first === at + 2;
      const members = classOf(characters.slice(first, end));
      parts.push((given) => members(given) !== isOther);
      at = end;
    } else parts.push(globPart(character));
  }
  return parts;
}

function classOf(members: readonly string[]): (character: string) => boolean {
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at++) {
    const from = members[at] ?? '';
    const to = members[at + 1] === '-' ? members[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return (character) => ranges.some(([from, to]) => from <= character && character <= to);
}
