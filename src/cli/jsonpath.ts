import { Failure } from './failure.ts';

/** The part of kubectl's JSONPath that names values: `{.status.phase}`, `[0]`, `[*]`, `['a.b/c']`, `[?(@.type=="Ready")]`. */
type Step = { key: string } | { index: number } | { every: true } | { where: readonly string[]; is: string };

const STEP =
  /\.(?<key>[A-Za-z0-9_-]+)|\[(?<index>-?\d+)\]|\[\*\]|\.\*|\[(?<quote>['"])(?<quoted>.*?)\k<quote>\]|\[\?\(@(?<path>(?:\.[A-Za-z0-9_-]+)+)\s*==\s*["'](?<is>[^"']*)["']\)\]/y;

/** Reads the expression once; what comes back finds its values in any document. Throws a Failure that shows where it cannot go on. */
export function jsonPath(expression: string): (document: unknown) => unknown[] {
  const text = expression.replace(/^\{(.*)\}$/, '$1').replace(/^\$/, '');
  const path = /^[.[]/.test(text) ? text : `.${text}`;
  const steps = stepsOf(path, expression);
  return (document) =>
    steps.reduce<unknown[]>((values, step) => values.flatMap((value) => take(value, step)), [document]);
}

function stepsOf(path: string, expression: string): Step[] {
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const at = STEP.lastIndex;
    const groups = STEP.exec(path)?.groups;
    if (!groups)
      throw new Failure(`jsonpath ${expression}: cannot read "${path.slice(at)}"; expected such as {.status.phase}`);
    steps.push(stepOf(groups));
  }
  return steps;
}

function stepOf({ key, index, quoted, path, is = '' }: Record<string, string | undefined>): Step {
  if (key !== undefined) return { key };
  if (quoted !== undefined) return { key: quoted };
  if (index !== undefined) return { index: Number(index) };
  return path === undefined ? { every: true } : { where: path.split('.').slice(1), is };
}

function take(value: unknown, step: Step): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const members: unknown[] = Array.isArray(value) ? value : Object.values(value);
  if ('every' in step) return members;
  if ('index' in step) return Array.isArray(value) ? present(value.at(step.index)) : [];
  if ('key' in step) return Object.hasOwn(value, step.key) ? present((value as Record<string, unknown>)[step.key]) : [];
  return members.filter((item) => {
    const found = step.where.reduce((values, key) => values.flatMap((v) => take(v, { key })), [item]);
    return found.some((v) => textOf(v) === step.is);
  });
}

const present = (value: unknown): unknown[] => (value === undefined ? [] : [value]);

/** A value as it is printed and compared: text as it is, the rest as JSON. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
