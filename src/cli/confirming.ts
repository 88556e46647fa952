import { createInterface } from 'node:readline/promises';
import { Failure } from './failure.ts';
import type { Session } from './session.ts';

/** Asks on the terminal. Throws a Failure where there is none. `who`: what asks, as it was written. */
export async function confirmed({ io, signal }: Session, who: string, question: string): Promise<boolean> {
  if (!io.stdin.isTTY)
    throw new Failure(`${who} asks before it changes anything, and there is no terminal to ask on: add --yes`);
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
