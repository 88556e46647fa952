import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import { KINDS } from '../../src/kinds/index.ts';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

export interface Pattern {
  /** The file below `src`, or the place in a schema. */
  where: string;
  source: string;
  flags: string;
}

interface Node {
  type?: string;
  regex?: { pattern: string; flags: string };
  callee?: { name?: string };
  start?: number;
  end?: number;
}

const files = (): string[] =>
  readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** Every regular expression that stands in the sources, and every one that is put together there, as it is written. */
export function patternsOfSources(): { literals: Pattern[]; made: string[] } {
  const literals: Pattern[] = [];
  const made: string[] = [];
  for (const where of files()) {
    const text = readFileSync(`${SRC}${where}`, 'utf8');
    const look = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      const { type, regex, callee, start, end } = node as Node;
      if (type === 'Literal' && regex) literals.push({ where, source: regex.pattern, flags: regex.flags });
      if (type === 'NewExpression' && callee?.name === 'RegExp') made.push(`${where}: ${text.slice(start, end)}`);
      for (const member of Object.values(node)) look(member);
    };
    look(parseSync(where, text).program);
  }
  return { literals, made };
}

/** Every `pattern` of the kinds' schemas: what admission holds against each value. */
export function patternsOfSchemas(): Pattern[] {
  const found: Pattern[] = [];
  const look = (where: string, schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return;
    for (const [name, member] of Object.entries(schema)) {
      // ajv compiles them with this flag.
      if (name === 'pattern' && typeof member === 'string') found.push({ where, source: member, flags: 'u' });
      else look(`${where}.${name}`, member);
    }
  };
  for (const kind of KINDS) look(kind.kind, kind.content);
  return found;
}

/** Uses of the operator `in` with a name that is not written out: it finds inherited members too. */
export function inheritingLookups(): string[] {
  const found: string[] = [];
  for (const where of files()) {
    const text = readFileSync(`${SRC}${where}`, 'utf8');
    const look = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      const { type, operator, left, start, end } = node as Node & { operator?: string; left?: Node };
      if (type === 'BinaryExpression' && operator === 'in' && left?.type !== 'Literal')
        found.push(`${where}: ${text.slice(start, end)}`);
      for (const member of Object.values(node)) look(member);
    };
    look(parseSync(where, text).program);
  }
  return found;
}
