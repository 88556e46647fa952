/** One JSON object of a stream, and where it begins in the text. */
interface JsonValue {
  text: string;
  offset: number;
}

const SPACE = /\s*/y;

/** The objects of a stream of JSON, such as `jq -c` writes: one after the other. `undefined` for anything else, and for one alone. */
export function jsonValues(text: string): JsonValue[] | undefined {
  const values: JsonValue[] = [];
  for (let at = skipSpace(text, 0); at < text.length;) {
    const end = text[at] === '{' ? endOfObject(text, at) : undefined;
    if (end === undefined) return undefined;
    values.push({ text: text.slice(at, end), offset: at });
    at = skipSpace(text, end);
  }
  return values.length > 1 ? values : undefined;
}

function skipSpace(text: string, from: number): number {
  SPACE.lastIndex = from;
  SPACE.test(text);
  return SPACE.lastIndex;
}

/** Behind the brace that closes the one that stands there; braces in strings do not count. */
function endOfObject(text: string, from: number): number | undefined {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      const end = endOfString(text, i);
      if (end === undefined) return undefined;
      i = end;
    } else if (char === '{' || char === '[') depth++;
    else if ((char === '}' || char === ']') && --depth === 0) return i + 1;
  }
  return undefined;
}

/** Of the quote that closes the one that stands there. */
function endOfString(text: string, from: number): number | undefined {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  return undefined;
}
