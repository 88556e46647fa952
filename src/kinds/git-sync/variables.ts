import type { Problem } from '../../admission/load.ts';
import { own } from '../../base/own.ts';

/** The values by name; `undefined`: nothing is filled. */
export type Variables = Readonly<Record<string, string>> | undefined;

interface Filled {
  text: string;
  missing: readonly Omit<Problem, 'file'>[];
  /** Where in the text what stood at the offset stands now. */
  moved: (offset: number) => number;
}

const VARIABLE = /\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** With them, who may write a value could add whole documents to what the sync applies in its own name. */
const LINES = /[\r\n]/;

/** `${NAME}` becomes the variable's value, `$${NAME}` becomes `${NAME}`. */
export function filled(text: string, variables: Variables): Filled {
  if (variables === undefined) return { text, missing: [], moved: (offset) => offset };
  const missing: Omit<Problem, 'file'>[] = [];
  const shifts: { behind: number; by: number }[] = [];
  const result = text.replaceAll(VARIABLE, (whole, escaped: string | undefined, name: string, offset: number) => {
    const value = escaped ? whole.slice(1) : own(variables, name);
    if (value !== undefined && !LINES.test(value)) {
      shifts.push({ behind: offset, by: (shifts.at(-1)?.by ?? 0) + value.length - whole.length });
      return value;
    }
    const before = text.slice(0, offset).split('\n');
    const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
    const message =
      value === undefined
        ? `no variable ${name} is given: add it to spec.substitute, or write $\${${name}}`
        : `the value of variable ${name} has several lines: a value adds no lines to a file; put them into the file`;
    missing.push({ place, message });
    return whole;
  });
  return { text: result, missing, moved: (offset) => offset + shiftAt(offset, shifts) };
}

/** Of the last one before it. */
function shiftAt(offset: number, shifts: readonly { behind: number; by: number }[]): number {
  let [low, high] = [0, shifts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((shifts[middle]?.behind ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return shifts[low - 1]?.by ?? 0;
}
