import { stripVTControlCharacters } from 'node:util';
import type { Output } from './io.ts';

/** ANSI: the other screen, which leaves what was on the terminal as it was, and no cursor. */
const OPEN = '\u001b[?1049h\u001b[?25l';
const CLOSE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const END_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
/** Of a terminal that does not say. */
const USUAL = { rows: 24, columns: 80 };

/** A terminal that is written anew each time, without flickering. To be closed whatever happens. */
export class Screen {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
    output.write(OPEN);
  }

  /** As many lines as there is room for. */
  show(lines: readonly string[]): void {
    const { rows = USUAL.rows, columns = USUAL.columns } = this.#output;
    const fitting = lines.slice(0, rows).map((line) => `${cut(line, columns)}${END_OF_LINE}`);
    this.#output.write(`${HOME}${fitting.join('\r\n')}${REST_OF_SCREEN}`);
  }

  close(): void {
    this.#output.write(CLOSE);
  }
}

/** A line that is too long loses its colours with its end. */
const cut = (line: string, columns: number): string => {
  const plain = stripVTControlCharacters(line);
  return plain.length > columns ? plain.slice(0, columns) : line;
};
