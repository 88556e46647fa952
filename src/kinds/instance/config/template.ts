/** Bytes of one file, however it comes about. */
export const MAX_FILE_CONTENT = 1 << 20;

/** A literal `${`, or a reference: its name, and the brace that ends it where there is one. Bounded, so that each character is read a few times at most. */
const REFERENCE = /\$\$\{|\$\{([^${}\n]{0,300})(\}?)/g;

/** Names of a template: of the instance's own fields, and of its environment. */
export const OWN_NAMES = ['name', 'namespace', 'address', 'slot'] as const;
export type OwnFields = Partial<Readonly<Record<(typeof OWN_NAMES)[number], string>>>;

/** `env.PORT` names PORT. */
export const variableOf = (name: string): string | undefined =>
  name.startsWith('env.') && name.length > 4 ? name.slice(4) : undefined;

/** What a template refers to; `undefined` where it has `${` without an end. */
export const namesIn = (template: string): (string | undefined)[] =>
  [...template.matchAll(REFERENCE)].flatMap(([, name, end]) =>
    name === undefined ? [] : [end === '' ? undefined : name],
  );

/** With values in place of references. Everything else stays as it is, a lone `$` too. `undefined`: it would be too large. */
export function fill(template: string, valueOf: (name: string) => string): string | undefined {
  const parts: string[] = [];
  let [at, length] = [0, 0];
  const add = (part: string) => {
    parts.push(part);
    length += part.length;
  };
  for (const match of template.matchAll(REFERENCE)) {
    add(template.slice(at, match.index));
    add(match[1] === undefined ? '${' : valueOf(match[1]));
    at = match.index + match[0].length;
    if (length > MAX_FILE_CONTENT) return undefined;
  }
  add(template.slice(at));
  return length > MAX_FILE_CONTENT ? undefined : parts.join('');
}
