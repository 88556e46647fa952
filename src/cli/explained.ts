import { allowedValues, defaultText, fieldsIn, itemsOf, typeName } from '../api/fields.ts';
import type { Field } from '../api/fields.ts';
import type { JsonSchema } from '../api/kind.ts';

/** The lines of `explain`, as `kubectl explain` has them. */

const WIDTH = 80;
const UNDESCRIBED = '<no description>';

/** A field by itself, or the document where it is none. */
export function oneField(path: string, field: Field | undefined, schema: JsonSchema): string[] {
  const facts = field ? indented(factsOf(schema), 4) : [];
  return [
    ...(field ? [`FIELD: ${titled({ ...field, name: path })}`, ''] : []),
    'DESCRIPTION:',
    ...wrapped(schema.description ?? UNDESCRIBED, 4),
    ...(facts.length > 0 ? ['', ...facts] : []),
  ];
}

/** The fields of an object, each with what it means and may hold. */
export const fieldList = (schema: JsonSchema): string[] =>
  fieldsIn(schema)
    .flatMap((field) => [
      `  ${titled(field)}`,
      ...wrapped(field.schema.description ?? UNDESCRIBED, 4),
      ...indented(factsOf(field.schema), 4),
      '',
    ])
    .slice(0, -1);

/** The fields of an object and those within them, by name and type. */
export const fieldTree = (schema: JsonSchema, depth = 1): string[] =>
  fieldsIn(schema).flatMap((field) => [`${'  '.repeat(depth)}${titled(field)}`, ...fieldTree(field.schema, depth + 1)]);

const titled = ({ name, schema, required }: Field): string =>
  `${name} <${typeName(schema)}>${required ? ' -required-' : ''}`;

function factsOf(schema: JsonSchema): string[] {
  const value = defaultText(schema);
  const allowed = allowedValues(schema);
  const expected = schema['x-expected'] ?? itemsOf(schema)?.['x-expected'];
  const range = rangeOf(schema);
  return [
    ...(value === undefined ? [] : [`default: ${value}`]),
    ...(allowed.length === 0 ? [] : [`allowed: ${allowed.join(', ')}`]),
    ...(expected === undefined ? [] : [`expected: ${expected}`]),
    ...(range === undefined ? [] : [`range: ${range}`]),
  ];
}

function rangeOf({ minimum, maximum }: JsonSchema): string | undefined {
  if (minimum === undefined) return maximum === undefined ? undefined : `up to ${maximum}`;
  return maximum === undefined ? `from ${minimum}` : `${minimum} to ${maximum}`;
}

const indented = (lines: readonly string[], by: number): string[] => lines.flatMap((line) => wrapped(line, by, by + 2));

/** In lines of the width, broken between words; those after the first may be further in. */
function wrapped(text: string, first: number, others = first): string[] {
  const lines: string[] = [];
  let line = ' '.repeat(first);
  for (const word of text.split(' ')) {
    const isEmpty = line.trim() === '';
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = ' '.repeat(others) + word;
    } else line += isEmpty ? word : ` ${word}`;
  }
  return [...lines, line];
}
