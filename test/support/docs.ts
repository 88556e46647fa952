import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allowedValues, defaultText, fieldsIn, itemsOf, typeName } from '../../src/api/fields.ts';
import { specSchema } from '../../src/api/kind.ts';
import type { JsonSchema, KindDefinition } from '../../src/api/kind.ts';
import { SETTINGS } from '../../src/base/config.ts';
import { KINDS } from '../../src/kinds/index.ts';

/** The tables of fields and settings in the pages are made from the code. `npm run docs` writes them, a test compares. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A longer list of values than this is for `miniaws explain`. */
const VALUES_SHOWN = 8;

export const readPage = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

/** The page of a kind is in its room, whose name is the kind's in words: LoadBalancer is at home in load-balancer. */
export const pageOf = ({ kind }: KindDefinition): string =>
  `src/kinds/${kind.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}/README.md`;

export const SETTINGS_PAGE = 'src/daemon/README.md';

interface Page {
  path: string;
  /** Its table, by the word of its markers. */
  marker: 'fields' | 'settings';
  table: string;
}

/** Every page with a table that is made. */
export const pages = (): readonly Page[] => [
  ...KINDS.all.map((kind): Page => ({ path: pageOf(kind), marker: 'fields', table: fieldTable(kind) })),
  { path: SETTINGS_PAGE, marker: 'settings', table: settingsTable() },
];

/** The text of the page with the table between its markers. Throws where it has no markers. */
export function withTable(text: string, { path, marker, table }: Page): string {
  const [open, close] = [`<!-- ${marker} -->`, `<!-- /${marker} -->`];
  const [before, rest] = text.split(open);
  const after = rest?.split(close)[1];
  if (before === undefined || after === undefined) throw new Error(`${path}: expected ${open} and ${close}`);
  return `${before}${open}\n\n${table}\n\n${close}${after}`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string | undefined): string => (text === undefined || text === '' ? '' : `\`${cell(text)}\``);
const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function settingsTable(): string {
  const rows = Object.values(SETTINGS).map(({ flag, env, fallback, description }) =>
    row(code(`--${flag}`), code(env), code(fallback), cell(description)),
  );
  return [row('flag', 'variable', 'default', ''), '|---|---|---|---|', ...rows].join('\n');
}

function fieldTable(kind: KindDefinition): string {
  const rows = Object.entries(kind.content).flatMap(([member, schema]) =>
    member === 'spec' ? rowsOf(schema, '', kind) : [fieldRow(member, schema, false), ...rowsOf(schema, member, kind)],
  );
  return [row('field', 'type', 'default', ''), '|---|---|---|---|', ...rows].join('\n');
}

/** A row for every field, with its path, and below it those of its own fields. */
function rowsOf(schema: JsonSchema, path: string, kind: KindDefinition): readonly string[] {
  return fieldsIn(schema).flatMap((field) => {
    const at = path === '' ? field.name : `${path}.${field.name}`;
    const other = kindOfFields(field.schema, kind);
    if (other) return [fieldRow(at, field.schema, field.required, sameAs(other, field.schema, kind))];
    return [fieldRow(at, field.schema, field.required), ...rowsOf(field.schema, at + inside(field.schema), kind)];
  });
}

function fieldRow(path: string, schema: JsonSchema, required: boolean, more = ''): string {
  const value = defaultText(schema);
  return row(
    code(path),
    typeCell(schema),
    required ? 'required' : code(value),
    cell((schema.description ?? '') + more),
  );
}

const typeCell = (schema: JsonSchema): string => {
  const values = allowedValues(schema);
  const shown = values.length > 0 && values.length <= VALUES_SHOWN ? values.map((value) => code(String(value))) : [];
  return [typeName(schema), ...(shown.length > 0 ? [shown.join(', ')] : [])].join(': ');
};

/** How the path of what is in a list or a map goes on. */
const inside = (schema: JsonSchema): string => {
  if (schema.type === 'array') return '[]';
  return itemsOf(schema) && !schema.properties ? '.*' : '';
};

/** The other kind whose fields these are. */
const kindOfFields = (schema: JsonSchema, kind: KindDefinition): KindDefinition | undefined => {
  const fields = fieldsIn(schema);
  return KINDS.all.find((other) => {
    const theirs = specSchema(other).properties ?? {};
    return other !== kind && fields.length > 0 && fields.every((field) => theirs[field.name] === field.schema);
  });
};

function sameAs(other: KindDefinition, schema: JsonSchema, kind: KindDefinition): string {
  const ours = new Set(fieldsIn(schema).map(({ name }) => name));
  const without = fieldsIn(specSchema(other)).flatMap(({ name }) => (ours.has(name) ? [] : [code(name)]));
  const link = `[${other.kind}](${relative(dirname(pageOf(kind)), pageOf(other))})`;
  return ` The fields of ${link}${without.length > 0 ? `, but for ${without.join(', ')}` : ''}.`;
}
