import type { Readable, Writable } from 'node:stream';
import { createColors } from 'picocolors';

export type Output = Writable & { isTTY?: boolean; columns?: number; rows?: number };
type Input = Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
export type Colors = ReturnType<typeof createColors>;

/** What a command may touch of its process; a test gives its own. */
export interface Io {
  stdin: Input;
  stdout: Output;
  stderr: Output;
  env: NodeJS.ProcessEnv;
  /** Sets the exit status; the process ends when nothing is left to do. */
  setExitCode: (code: number) => void;
  /** Calls `listener` on the first Ctrl-C; the second one ends the process as usual. Returns what takes the listener away. */
  onInterrupt: (listener: () => void) => () => void;
}

export const processIo: Io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  setExitCode(code) {
    process.exitCode = code;
  },
  onInterrupt(listener) {
    process.once('SIGINT', listener);
    return () => process.off('SIGINT', listener);
  },
};

/** Colour only for a person's terminal, and not where NO_COLOR (no-color.org), TERM=dumb or --no-color says otherwise. */
export function colorsFor(output: Output, env: NodeJS.ProcessEnv, wanted: boolean): Colors {
  return createColors(wanted && output.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb');
}

/** What an object's text may do to a terminal: nothing. Line breaks and tabs stay. */
// oxlint-disable-next-line no-control-regex -- control characters are what is taken out
export const printable = (text: string): string => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\uFFFD');

/** The same of every text in a JSON value: for what is coloured afterwards. */
export function printableAll<T>(value: T): T {
  if (typeof value === 'string') return printable(value) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => printableAll(item)) as T;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [printable(key), printableAll(member)])) as T;
}
