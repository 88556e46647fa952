import { createTwoFilesPatch } from 'diff';
import { printable } from './io.ts';
import type { Session } from './session.ts';

/** What differs between two texts, as diff(1) shows it, in colours where there are any. */
export function patchLines(
  { colors }: Session,
  names: { before: string; after: string },
  before: string,
  after: string,
): string[] {
  const patch = createTwoFilesPatch(names.before, names.after, before, after);
  const lines = patch.split('\n').filter((line) => !/^=+$/.test(line) && line !== '');
  return lines.map((text) => {
    const line = printable(text.replace(/^(---|\+\+\+) ([^\t]*)\t.*$/, '$1 $2'));
    if (line.startsWith('+++') || line.startsWith('---')) return colors.bold(line);
    if (line.startsWith('@@')) return colors.cyan(line);
    return line.startsWith('+') ? colors.green(line) : line.startsWith('-') ? colors.red(line) : line;
  });
}
