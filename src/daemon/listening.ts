import { parseListen } from '../base/config.ts';
import { codeOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

export type Listen = ReturnType<typeof parseListen>;

interface Wanted {
  /** As a person has said it; empty: nobody has. */
  given: string;
  usual: Listen;
  /** Of what, in the log: ` of S3's API`. */
  what: string;
  /** By which a person says it. */
  flag: string;
}

/** Where nobody has said which, and another program, or a second installation, has the usual port, on a free one. */
export async function startedAt<Server>(
  { given, usual, what, flag }: Wanted,
  log: Log,
  start: (at: Listen) => Promise<Server>,
): Promise<Server> {
  const at = given === '' ? usual : parseListen(given);
  try {
    return await start(at);
  } catch (error) {
    if (given !== '' || codeOf(error) !== 'EADDRINUSE') throw error;
    log.warn({ port: at.port }, `another program has the usual port${what}: taking a free one. ${flag} says which`);
    return start({ ...at, port: 0 });
  }
}
