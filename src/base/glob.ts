/** Of a pattern: any text, or one character of some. */
export type GlobPart = 'any' | ((character: string) => boolean);

/** Whether the parts, one after the other, are the whole of the text. It takes a time of their numbers' product at most. */
export function partsMatch(parts: readonly GlobPart[], text: string): boolean {
  const characters = Array.from(text);
  let [at, part] = [0, 0];
  let back: { at: number; part: number } | undefined;
  while (at < characters.length) {
    const wanted = parts[part];
    if (wanted === 'any') back = { at, part: ++part };
    else if (wanted?.(characters[at] ?? '')) [at, part] = [at + 1, part + 1];
    else if (back) {
      back = { at: back.at + 1, part: back.part };
      ({ at, part } = back);
    } else return false;
  }
  return parts.slice(part).every((left) => left === 'any');
}

/** What one character of a pattern stands for: `*` is any text, `?` any character, another one itself. */
export function globPart(character: string): GlobPart {
  if (character === '*') return 'any';
  return character === '?' ? () => true : (given) => given === character;
}

export const globMatches = (pattern: string, text: string): boolean => partsMatch(Array.from(pattern, globPart), text);
