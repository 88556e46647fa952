import ora from 'ora';
import { keyOf } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { Io } from './io.ts';
import { printable } from './io.ts';
import { nameOf } from './objects.ts';
import type { Unmet } from './wait-for.ts';

/** What goes on while a command waits: one living line on a terminal, a line for each change in a pipe. To stderr. */
export interface Progress {
  waiting: (unmet: readonly Unmet[], of: number) => void;
  note: (text: string) => void;
  done: () => void;
}

/** Longest text of the living line: one that wraps would be left behind when it changes. */
const widthOf = (io: Io): number => Math.max(20, (io.stderr.columns ?? 80) - 4);

/** Whether a line of it may be written anew. One that was given no size says 0 columns, of which ora would clear lines without end. */
export const isTerminal = ({ stderr, env }: Io): boolean =>
  stderr.isTTY === true && stderr.columns !== 0 && env['TERM'] !== 'dumb';

export const createProgress = (io: Io, kinds: KindRegistry): Progress =>
  isTerminal(io) ? livingLine(io, kinds) : plainLines(io, kinds);

function livingLine(io: Io, kinds: KindRegistry): Progress {
  const spinner = ora({ stream: io.stderr as NodeJS.WritableStream, discardStdin: false, hideCursor: true });
  const show = (text: string) => {
    const line = text.replaceAll('\n', ' ');
    spinner.text = line.length > widthOf(io) ? `${line.slice(0, widthOf(io) - 1)}…` : line;
    if (!spinner.isSpinning) spinner.start();
  };
  return {
    waiting(unmet, of) {
      const [first] = unmet;
      if (first) show(printable(`${of - unmet.length} of ${of}; ${nameOf(kinds, first.ref)}: ${first.why}`));
    },
    note: show,
    done: () => void spinner.stop(),
  };
}

function plainLines(io: Io, kinds: KindRegistry): Progress {
  const told = new Map<string, string>();
  return {
    waiting(unmet) {
      for (const { ref, why } of unmet) {
        if (told.get(keyOf(ref)) === why) continue;
        told.set(keyOf(ref), why);
        io.stderr.write(`waiting for ${nameOf(kinds, ref)}: ${printable(why)}\n`);
      }
    },
    note: (text) => void io.stderr.write(`${text}\n`),
    done: () => {},
  };
}
