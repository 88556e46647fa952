import { stripVTControlCharacters } from 'node:util';
import type { Metadata } from '../api/metadata.ts';
import type { Colors } from './io.ts';
import { printable } from './io.ts';
import { textOf } from './jsonpath.ts';

/** The server's rendering of objects for people (meta.k8s.io/v1 Table). */
export interface Table {
  metadata: { resourceVersion?: string };
  columnDefinitions?: { name: string; type?: string; format?: string; priority?: number }[];
  rows?: { cells: unknown[]; object?: { metadata?: Partial<Metadata> } }[];
}

const GAP = '   ';
const widthOf = (text: string): number => stripVTControlCharacters(text).length;

/** Lines in columns. Widths only grow, so that what a watch adds later stays under its heading. */
export class Columns {
  #widths: number[] = [];

  lines(rows: readonly (readonly string[])[]): string[] {
    for (const row of rows) {
      row.forEach((cell, i) => (this.#widths[i] = Math.max(this.#widths[i] ?? 0, widthOf(cell))));
    }
    return rows.map((row) =>
      row
        .map((cell, i) => this.#padded(cell, i, row.length))
        .join(GAP)
        .trimEnd(),
    );
  }

  #padded(cell: string, column: number, of: number): string {
    return column === of - 1 ? cell : cell + ' '.repeat((this.#widths[column] ?? 0) - widthOf(cell));
  }
}

export interface TableOptions {
  wide: boolean;
  /** A first column with each object's namespace. */
  namespaces: boolean;
  headers: boolean;
  /** `instance/`: before each name, when several kinds are printed. */
  prefix: string;
  colors: Colors;
}

/** Prints Tables one after the other as one: headings once, columns aligned. */
export class TablePrinter {
  readonly #options: TableOptions;
  readonly #columns = new Columns();
  #definitions: NonNullable<Table['columnDefinitions']> = [];
  #headed = false;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  lines(table: Table): string[] {
    if (table.columnDefinitions?.length) this.#definitions = table.columnDefinitions;
    const rows = (table.rows ?? []).map((row) => this.#row(row));
    const heading = this.#headed || !this.#options.headers ? [] : [this.#heading()];
    this.#headed = true;
    return this.#columns.lines([...heading, ...rows]);
  }

  #shown(): number[] {
    return this.#definitions.flatMap(({ priority = 0 }, i) => (priority === 0 || this.#options.wide ? [i] : []));
  }

  #heading(): string[] {
    const names = this.#shown().map((i) => (this.#definitions[i]?.name ?? '').toUpperCase());
    return (this.#options.namespaces ? ['NAMESPACE', ...names] : names).map((n) => this.#options.colors.bold(n));
  }

  #row({ cells, object }: NonNullable<Table['rows']>[number]): string[] {
    const shown = this.#shown().map((i) => this.#cell(i, textOf(cells[i] ?? '')));
    return this.#options.namespaces ? [object?.metadata?.namespace ?? '', ...shown] : shown;
  }

  #cell(column: number, text: string): string {
    const { name = '', format } = this.#definitions[column] ?? {};
    const clean = printable(text).replaceAll('\n', ' ');
    if (format === 'name' || column === 0) return this.#options.prefix + clean;
    return tinted(name, clean, this.#options.colors);
  }
}

const GOOD = ['True', 'Running', 'Available', 'Succeeded'];
const BAD = ['False', 'Failed', 'CrashLoopBackOff', 'Warning'];

/** The words that say how an object is. */
export function tinted(column: string, text: string, colors: Colors): string {
  if (!['Ready', 'Status', 'Type'].includes(column)) return text;
  if (GOOD.includes(text)) return colors.green(text);
  return BAD.includes(text) ? colors.red(text) : text;
}
